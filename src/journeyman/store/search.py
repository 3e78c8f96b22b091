"""The index by which tasks are found: of every three letters in a row of what a search looks at.

SQLite has it as a table of its own (FTS5) that triggers keep; revision 0004 makes it, so what is here is not changed
but followed by another revision. PostgreSQL has it as an index that it uses by itself, where its extension `pg_trgm`
can be had. Without either a search reads every task.
"""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

LETTERS = 3
"""What the index knows: a shorter word is looked for in every task."""
MOST = 1000
"""Where more tasks than this have the words, the newest that have them are found sooner by looking at the newest."""
ASKED = 100
"""Parts of the words that the index is asked for; all the words are compared afterwards."""
OLDEST = (3, 34)
"""The version of SQLite that can make it."""

SQLITE = (
    "create table task_number (number integer primary key, id varchar(64) not null unique)",
    "create virtual table task_words using fts5("
    "words, content = '', tokenize = 'trigram', detail = none, columnsize = 0)",
    "insert into task_number (id) select id from task",
    "insert into task_words (rowid, words) select number, words from task join task_number using (id)",
    "create trigger task_words_added after insert on task begin"
    " insert into task_number (id) values (new.id);"
    " insert into task_words (rowid, words) select number, new.words from task_number where id = new.id;"
    " end",
    "create trigger task_words_changed after update of words on task when old.words <> new.words begin"
    " insert into task_words (task_words, rowid, words)"
    " select 'delete', number, old.words from task_number where id = old.id;"
    " insert into task_words (rowid, words) select number, new.words from task_number where id = new.id;"
    " end",
    "create trigger task_words_gone after delete on task begin"
    " insert into task_words (task_words, rowid, words)"
    " select 'delete', number, old.words from task_number where id = old.id;"
    " delete from task_number where id = old.id;"
    " end",
)
"""Rows of `task` have no number of their own that stays, so they are given one."""

POSTGRES = """
do $$ begin
  create extension if not exists pg_trgm;
  create index ix_task_words on task using gin (words gin_trgm_ops);
exception when insufficient_privilege or undefined_file or undefined_object or feature_not_supported then
  raise notice 'The extension pg_trgm cannot be had: a search reads every task.';
end $$
"""


def make_index(connection: "Connection") -> None:
    """Make the index, of the tasks that there are and those that come."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(POSTGRES)
    elif _can(connection):
        for statement in SQLITE:
            connection.exec_driver_sql(statement)


def drop_index(connection: "Connection") -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("drop index if exists ix_task_words")
        return
    for trigger in ("added", "changed", "gone"):
        connection.exec_driver_sql(f"drop trigger if exists task_words_{trigger}")
    for table in ("task_words", "task_number"):
        connection.exec_driver_sql(f"drop table if exists {table}")


def _can(connection: "Connection") -> bool:
    built = "select 1 from pragma_compile_options where compile_options = 'ENABLE_FTS5'"
    return sqlite3.sqlite_version_info >= OLDEST and connection.exec_driver_sql(built).first() is not None


def having(connection: "Connection", words: Sequence[str]) -> list[str] | None:
    """The ids of all tasks that may have these words (without regard to case), on SQLite; None where the index is of no
    help: it is not there, the words are too short, or too many tasks have them."""
    parts = sorted({word[at : at + LETTERS] for word in words for at in range(len(word) - LETTERS + 1)})[:ASKED]
    if not parts or connection.dialect.name != "sqlite":
        return None
    if connection.exec_driver_sql("select 1 from sqlite_master where name = 'task_words'").first() is None:
        return None
    asked = " ".join('"' + part.replace('"', '""') + '"' for part in parts)
    query = "select id from task_number where number in (select rowid from task_words where task_words match ? limit ?)"
    found = connection.exec_driver_sql(query, (asked, MOST + 1)).scalars().all()
    return list(found) if len(found) <= MOST else None
