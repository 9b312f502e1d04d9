"""What runs on the robot: NumPy and ONNX Runtime, nothing of the trainer."""
