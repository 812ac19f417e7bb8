"""Volumes as servers report them, and which of them are one and the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

# Servers are asked one after the other, and write meanwhile: two answers about one volume differ by so many bytes at
# most. Two volumes of one size whose free space is this close by chance are named together, and none is hidden.
_DRIFT = 256 * 1024 * 1024
_DRIFT_SHARE = 0.01  # of the size, of volumes that are small


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume, or the memory of Redis, which fills up alike; sizes in bytes."""

    name: str
    used: int
    total: int  # without what is reserved for root, if that is known
    device: int | None = None  # of a path on this machine
    size: int = 0  # of the whole volume
    memory: bool = False

    @property
    def percent(self) -> float:
        """The part that is used."""
        return 100 * self.used / self.total

    @property
    def free(self) -> int:
        """What can still be written."""
        return self.total - self.used

    def same(self, other: Volume) -> bool:
        """Return whether both are one volume: by its device, or else by its size and free space."""
        if self.memory or other.memory:
            return False
        if self.device is not None and other.device is not None:
            return self.device == other.device
        drift = min(_DRIFT, self.size * _DRIFT_SHARE)
        return self.size == other.size and abs(self.free - other.free) <= drift


@dataclass(slots=True)
class VolumeGroup:
    """One volume and the servers on it."""

    subject: str  # the name under which it is reported
    volume: Volume
    names: list[str] = field(default_factory=list)


class VolumeGroups:
    """Groups volumes, and remembers the groups: a server that does not answer changes no other one's name."""

    def __init__(self) -> None:
        self._subjects: dict[str, str] = {}  # of each name, when it was last seen

    def of(self, volumes: Iterable[Volume]) -> list[VolumeGroup]:
        """Return each volume once, in the order given."""
        groups: list[VolumeGroup] = []
        for volume in volumes:
            known = next((group for group in groups if group.volume.same(volume)), None)
            if known is None:
                groups.append(VolumeGroup(volume.name, volume, [volume.name]))
            else:
                known.names.append(volume.name)
        answered = {name for group in groups for name in group.names}
        for group in groups:
            before = self._subjects.get(group.names[0], group.subject)
            if before not in answered:
                group.subject = before
            self._subjects.update(dict.fromkeys(group.names, group.subject))
        return groups
