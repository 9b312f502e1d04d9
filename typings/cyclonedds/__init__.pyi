# DDS bindings, which only the extra `robot` brings: everything in them is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
