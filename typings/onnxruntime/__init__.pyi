# ONNX Runtime is compiled and come without types: everything in it is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
