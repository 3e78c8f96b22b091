"""The client for programs without an event loop: the same one, on a loop in a thread of its own."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from journeyman.client.asynchronous import AsyncClient
from journeyman.client.blocking import blocking, iterating
from journeyman.client.transport import OnWait, Times


class Client:
    """A server's API, to be used with `with`. Each method is that of `AsyncClient`, and waits."""

    def __init__(
        self, address: str, token: str | None = None, *, times: Times | None = None, on_wait: OnWait | None = None
    ) -> None:
        self.inner = AsyncClient(address, token, times=times, on_wait=on_wait)
        self._stack = ExitStack()
        self.portal: BlockingPortal = self._stack.enter_context(start_blocking_portal())
        self._stack.callback(self.portal.call, self.inner.close)

    @property
    def address(self) -> str:
        return self.inner.address

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    submit = blocking(AsyncClient.submit)
    upload = blocking(AsyncClient.upload)
    follow_up = blocking(AsyncClient.follow_up)
    fork = blocking(AsyncClient.fork)
    rewind = blocking(AsyncClient.rewind)
    steer = blocking(AsyncClient.steer)
    interrupt = blocking(AsyncClient.interrupt)
    cancel = blocking(AsyncClient.cancel)
    approve = blocking(AsyncClient.approve)
    retry = blocking(AsyncClient.retry)
    choose = blocking(AsyncClient.choose)
    mark_applied = blocking(AsyncClient.mark_applied)
    update = blocking(AsyncClient.update)
    delete = blocking(AsyncClient.delete)
    bulk = blocking(AsyncClient.bulk)
    seen = blocking(AsyncClient.seen)
    tasks = blocking(AsyncClient.tasks)
    counts = blocking(AsyncClient.counts)
    task = blocking(AsyncClient.task)
    image = blocking(AsyncClient.image)
    usage = blocking(AsyncClient.usage)
    matrix = blocking(AsyncClient.matrix)
    events = iterating(AsyncClient.events)
    live = iterating(AsyncClient.live)
    lines = iterating(AsyncClient.lines)
    changes = iterating(AsyncClient.changes)
    attempts = blocking(AsyncClient.attempts)
    attempt = blocking(AsyncClient.attempt)
    result = blocking(AsyncClient.result)
    attempt_events = blocking(AsyncClient.attempt_events)
    log = blocking(AsyncClient.log)
    diff = blocking(AsyncClient.diff)
    patch = blocking(AsyncClient.patch)
    checks = blocking(AsyncClient.checks)
    evidence = blocking(AsyncClient.evidence)
    citations = blocking(AsyncClient.citations)
    work = blocking(AsyncClient.work)
    timeline = blocking(AsyncClient.timeline)
    commands = blocking(AsyncClient.commands)
    chunk = blocking(AsyncClient.chunk)
    raw_chunk = blocking(AsyncClient.raw_chunk)
    files = blocking(AsyncClient.files)
    file = blocking(AsyncClient.file)
    raw_file = blocking(AsyncClient.raw_file)
    chunk_cast = blocking(AsyncClient.chunk_cast)
    terminal_cast = blocking(AsyncClient.terminal_cast)
    about = blocking(AsyncClient.about)
    sign_in_ways = blocking(AsyncClient.sign_in_ways)
    me = blocking(AsyncClient.me)
    sign_in = blocking(AsyncClient.sign_in)
    invitation = blocking(AsyncClient.invitation)
    accept = blocking(AsyncClient.accept)
    sign_out = blocking(AsyncClient.sign_out)
    tokens = blocking(AsyncClient.tokens)
    make_token = blocking(AsyncClient.make_token)
    revoke_token = blocking(AsyncClient.revoke_token)
    sign_out_everywhere = blocking(AsyncClient.sign_out_everywhere)
    change_password = blocking(AsyncClient.change_password)
    people = blocking(AsyncClient.people)
    create_person = blocking(AsyncClient.create_person)
    person = blocking(AsyncClient.person)
    update_person = blocking(AsyncClient.update_person)
    delete_person = blocking(AsyncClient.delete_person)
    end_sessions = blocking(AsyncClient.end_sessions)
    reset_password = blocking(AsyncClient.reset_password)
    invitations = blocking(AsyncClient.invitations)
    create_invitation = blocking(AsyncClient.create_invitation)
    withdraw_invitation = blocking(AsyncClient.withdraw_invitation)
    groups = blocking(AsyncClient.groups)
    create_group = blocking(AsyncClient.create_group)
    rename_group = blocking(AsyncClient.rename_group)
    delete_group = blocking(AsyncClient.delete_group)
    add_member = blocking(AsyncClient.add_member)
    remove_member = blocking(AsyncClient.remove_member)
    environments = blocking(AsyncClient.environments)
    create_environment = blocking(AsyncClient.create_environment)
    check_environment = blocking(AsyncClient.check_environment)
    environment = blocking(AsyncClient.environment)
    update_environment = blocking(AsyncClient.update_environment)
    delete_environment = blocking(AsyncClient.delete_environment)
    build_environment = blocking(AsyncClient.build_environment)
    environment_log = blocking(AsyncClient.environment_log)
    reset_environment = blocking(AsyncClient.reset_environment)
    test_environment = blocking(AsyncClient.test_environment)
    models = blocking(AsyncClient.models)
    add_model = blocking(AsyncClient.add_model)
    remove_model = blocking(AsyncClient.remove_model)
    test_model = blocking(AsyncClient.test_model)
    embedded_model = blocking(AsyncClient.embedded_model)
    fetch_embedded_model = blocking(AsyncClient.fetch_embedded_model)
    secrets = blocking(AsyncClient.secrets)
    set_secret = blocking(AsyncClient.set_secret)
    remove_secret = blocking(AsyncClient.remove_secret)
    schedules = blocking(AsyncClient.schedules)
    create_schedule = blocking(AsyncClient.create_schedule)
    schedule = blocking(AsyncClient.schedule)
    update_schedule = blocking(AsyncClient.update_schedule)
    delete_schedule = blocking(AsyncClient.delete_schedule)
    quotas = blocking(AsyncClient.quotas)
    own_quotas = blocking(AsyncClient.own_quotas)
    set_quota = blocking(AsyncClient.set_quota)
    remove_quota = blocking(AsyncClient.remove_quota)
    usage_report = blocking(AsyncClient.usage_report)
    audit = blocking(AsyncClient.audit)
    workers = blocking(AsyncClient.workers)
    branches = blocking(AsyncClient.branches)
    publishing = blocking(AsyncClient.publishing)
    publish = blocking(AsyncClient.publish)
    forges = blocking(AsyncClient.forges)
    add_forge = blocking(AsyncClient.add_forge)
    check_forge = blocking(AsyncClient.check_forge)
    set_forge_token = blocking(AsyncClient.set_forge_token)
    remove_forge = blocking(AsyncClient.remove_forge)
    open_pull_request = blocking(AsyncClient.open_pull_request)
    refresh_pull_request = blocking(AsyncClient.refresh_pull_request)
    make_demo = blocking(AsyncClient.make_demo)
    export_task = blocking(AsyncClient.export_task)
    import_task = blocking(AsyncClient.import_task)
    retention = blocking(AsyncClient.retention)
    make_room = blocking(AsyncClient.make_room)
