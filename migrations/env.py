"""Alembic runs this with the connection that `dispatcher.books.schema` hands over."""

from alembic import context

from dispatcher.books.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
