"""What the verbs of the public interface do, by family; `Dispatcher` is their table of contents.

Each opens its own short transaction. It imports what only it needs: DuckDB is loaded to prepare an
audience, Celery to ring. No fork happens meanwhile, as in the child nobody would let go of an
import's lock.
"""
