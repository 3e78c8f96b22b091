"""What a store holds besides logs, loaded when it is first asked for: a single run in a terminal needs little of it."""

from functools import cached_property
from typing import TYPE_CHECKING

from journeyman.store.tasks import Tasks

if TYPE_CHECKING:
    from journeyman.store.access import Access
    from journeyman.store.audit import Audit
    from journeyman.store.blobs import Blobs
    from journeyman.store.drafts import Drafts
    from journeyman.store.forges import Forges
    from journeyman.store.garbage import Garbage
    from journeyman.store.jobs import Jobs
    from journeyman.store.lines import Lines
    from journeyman.store.models import Models
    from journeyman.store.offers import Offers
    from journeyman.store.pages import Pages
    from journeyman.store.people import People
    from journeyman.store.pulls import Pulls
    from journeyman.store.quotas import Quotas
    from journeyman.store.schedules import Schedules
    from journeyman.store.transfer import Transfer
    from journeyman.store.usage import UsageSums


class Rooms(Tasks):
    """The lesser rooms of a store."""

    _blobs: "Blobs"

    @cached_property
    def access(self) -> "Access":
        from journeyman.store.access import Access

        return Access(self._database, self._clock)

    @cached_property
    def audit(self) -> "Audit":
        from journeyman.store.audit import Audit

        return Audit(self._database, self._clock)

    @cached_property
    def drafts(self) -> "Drafts":
        from journeyman.store.drafts import Drafts

        return Drafts(self._database, self._clock)

    @cached_property
    def forges(self) -> "Forges":
        from journeyman.store.forges import Forges

        return Forges(self._database, self.secrets)

    @cached_property
    def garbage(self) -> "Garbage":
        from journeyman.store.garbage import Garbage

        return Garbage(self._database, self._blobs, self, self._clock)

    @cached_property
    def jobs(self) -> "Jobs":
        from journeyman.store.jobs import Jobs

        return Jobs(self._database, self._clock)

    @cached_property
    def lines(self) -> "Lines":
        from journeyman.store.lines import Lines

        return Lines(self._database, self._clock)

    @cached_property
    def models(self) -> "Models":
        from journeyman.store.models import Models

        return Models(self._database, self._clock)

    @cached_property
    def offers(self) -> "Offers":
        from journeyman.store.offers import Offers

        return Offers(self._database, self._clock)

    @cached_property
    def pages(self) -> "Pages":
        from journeyman.store.pages import Pages

        return Pages(self._database)

    @cached_property
    def people(self) -> "People":
        from journeyman.store.people import People

        return People(self._database, self._clock)

    @cached_property
    def pulls(self) -> "Pulls":
        from journeyman.store.pulls import Pulls

        return Pulls(self._database, self._clock)

    @cached_property
    def quotas(self) -> "Quotas":
        from journeyman.store.quotas import Quotas

        return Quotas(self._database, self._clock)

    @cached_property
    def schedules(self) -> "Schedules":
        from journeyman.store.schedules import Schedules

        return Schedules(self._database)

    @cached_property
    def transfer(self) -> "Transfer":
        from journeyman.store.transfer import Transfer

        return Transfer(self._database, self._blobs, self, self.garbage, self._clock)

    @cached_property
    def usage(self) -> "UsageSums":
        from journeyman.store.usage import UsageSums

        return UsageSums(self._database)
