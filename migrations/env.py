"""Alembic runs this with the connection that `dispatcher.books.schema` hands over."""

from alembic import context
from sqlalchemy import text

from dispatcher.books.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table_schema=connection.scalar(text("SELECT current_schema()")),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
