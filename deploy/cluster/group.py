"""A server that consists of several: they start, stop and are looked after together."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.local.servers.server import Server


class Group(Server):
    """Members of one cluster. Mixed into the class of a single server, whose clients find all members by one address."""

    @property
    def members(self) -> Sequence[Server]:
        """Return the servers that it consists of."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Prepare all members at the same time.

        :raises CannotPrepare: this machine lacks something
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda member: member.prepare(), self.members))

    def launch(self) -> None:
        """Start the members that do not run."""
        for member in self.members:
            if not member.running:
                member.launch()

    def await_ready(self) -> None:
        """Wait until all members are ready.

        :raises DidNotStart: one ended or was not ready in time
        """
        for member in self.members:
            member.await_ready()

    @property
    def running(self) -> bool:
        """Return whether all members run."""
        return all(member.running for member in self.members)

    @property
    def is_untouched(self) -> bool:
        """Return False: what happens to a member may cost the others their place."""
        return False

    @property
    def log(self) -> str:
        """Return what all members have logged."""
        return "\n".join(member.log for member in self.members)

    def ask_to_stop(self) -> None:
        """Send the stop signal to all members."""
        for member in self.members:
            member.ask_to_stop()

    def stop(self, seconds: float = 25.0) -> None:
        """Stop all members at the same time."""
        self.ask_to_stop()
        for member in self.members:
            member.stop(seconds)

    def thaw(self) -> None:
        """Resume all members that were frozen."""
        for member in self.members:
            if member.running:
                member.thaw()
