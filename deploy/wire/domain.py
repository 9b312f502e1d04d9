"""Which network DDS speaks on."""

import socket
import threading
from typing import Any

from deploy.link import LinkError

LOOPBACK = "lo"
SIZING = "<Sizing><ReceiveBufferSize>160 KiB</ReceiveBufferSize></Sizing>"
"""What is received is written into a buffer that moves on by some 20 KiB a minute and begins anew
when less than a packet's 128 KiB are left: of Cyclone's own 1 MiB it would take up a little more
for the first three quarters of an hour."""
_OPEN: dict[int, tuple[str | None, Any]] = {}
"""Domains opened by this process: DDS allows one configuration each, for as long as it lives."""
_LOCK = threading.Lock()


def configuration(interface: str) -> str:
    """Cyclone DDS's configuration for one network interface.

    Multicast may not work on the loopback interface, so there others are also asked for by
    address, and only asked for by multicast: that is where the vendor's SDK waits to be found.
    """
    if interface == LOOPBACK:
        return (
            "<CycloneDDS><Domain><General><Interfaces>"
            '<NetworkInterface name="lo" multicast="true"/>'
            "</Interfaces><AllowMulticast>spdp</AllowMulticast></General>"
            '<Discovery><Peers><Peer address="127.0.0.1"/></Peers>'
            f"<ParticipantIndex>auto</ParticipantIndex></Discovery>{SIZING}</Domain></CycloneDDS>"
        )
    return (
        "<CycloneDDS><Domain><General><Interfaces>"
        f'<NetworkInterface name="{interface}" priority="default" multicast="default"/>'
        f"</Interfaces></General>{SIZING}</Domain></CycloneDDS>"
    )


def check_interface(interface: str) -> None:
    """Raise LinkError where this machine has no such network interface."""
    there = [name for _, name in socket.if_nameindex()]
    if interface not in there:
        raise LinkError(f"interface: there is no {interface!r} here, but {', '.join(there)}")


def open_participant(domain: int, interface: str | None) -> Any:
    """Join a DDS domain.

    Args:
        domain: Number of the domain; real robots are in 0, Unitree's simulator is in 1.
        interface: Network interface; None leaves the choice to DDS and to CYCLONEDDS_URI.

    Raises:
        LinkError: If there is no such interface, the domain is already open on another one, or DDS
            refuses.
    """
    if not 0 <= domain <= 232:
        raise LinkError(f"domain: {domain} is not allowed, want 0 to 232")
    if interface is not None:
        check_interface(interface)
    from cyclonedds.core import DDSException
    from cyclonedds.domain import Domain, DomainParticipant

    try:
        with _LOCK:
            if domain not in _OPEN:
                made = Domain(domain, configuration(interface)) if interface else None
                _OPEN[domain] = interface, made
            elif _OPEN[domain][0] != interface:
                raise LinkError(
                    f"interface: domain {domain} is already open on {_OPEN[domain][0]}, "
                    f"not on {interface}; a process has one interface per domain"
                )
        return DomainParticipant(domain)
    except DDSException as error:
        raise LinkError(f"DDS cannot open domain {domain} on {interface}: {error.msg}") from error
