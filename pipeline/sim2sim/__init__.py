"""The sim2sim gate: does the ONNX file walk in a simulator it was not trained in?"""
