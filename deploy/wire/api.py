"""The vendor's requests and responses: their types, topics and codes. Needs the extra `robot`.

Source: unitree_sdk2_python, `idl/unitree_api`, `core/channel_name.py` and `rpc/internal.py`.
"""

from deploy.wire.idl import declare

# After the above, which says what to install where cyclonedds is not.
from cyclonedds.idl import types  # isort: skip

_API = "unitree_api.msg.dds_"
Identity = declare(f"{_API}.RequestIdentity_", {"id": types.int64, "api_id": types.int64})
Lease = declare(f"{_API}.RequestLease_", {"id": types.int64})
Policy = declare(f"{_API}.RequestPolicy_", {"priority": types.int32, "noreply": bool})
Status = declare(f"{_API}.ResponseStatus_", {"code": types.int32})
RequestHeader = declare(
    f"{_API}.RequestHeader_", {"identity": Identity, "lease": Lease, "policy": Policy}
)
ResponseHeader = declare(f"{_API}.ResponseHeader_", {"identity": Identity, "status": Status})
_BYTES = types.sequence[types.uint8]
Request = declare(f"{_API}.Request_", {"header": RequestHeader, "parameter": str, "binary": _BYTES})
Response = declare(f"{_API}.Response_", {"header": ResponseHeader, "data": str, "binary": _BYTES})

OK, INTERNAL, NOT_IMPLEMENTED = 0, 3202, 3203
CODES = {
    3001: "unknown error",
    3201: "the service cannot send",
    INTERNAL: "the service failed",
    NOT_IMPLEMENTED: "the service does not know this request",
    3204: "a parameter is wrong",
    3205: "somebody else has the lease",
    3206: "there is no such lease",
    3207: "there is a lease already",
}
"""What a response's status means, whatever the service."""


def request_topic(service: str) -> str:
    """Where a service is asked."""
    return f"rt/api/{service}/request"


def response_topic(service: str) -> str:
    """Where a service answers."""
    return f"rt/api/{service}/response"
