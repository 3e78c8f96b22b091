"""The way from each version of the database to the next one, run by Alembic."""
