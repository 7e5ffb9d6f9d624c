"""Who gets nothing: the standing lists."""

from sqlalchemy import ARRAY, BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dispatcher.books.models.base import Base, Counter


class StandingList(Base):
    """An app's standing list: `version` is that of all lists when it was last added to.

    So many identifiers are on it as there are `entries`.
    """

    __tablename__ = "standing_list"

    app_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[Counter]
    entries: Mapped[Counter]


class Standing(Base):
    """Who is on an app's standing list: keyed hashes of identifiers, see `audience.hashes`.

    Those that have their upper bits in common share a page. `packed` are the same hashes as they
    are copied, eight bytes each: a trigger sees to it.
    """

    __table_args__ = (
        CheckConstraint(
            "octet_length(packed) = 8 * cardinality(hashes)", name="packed_has_all_hashes"
        ),
    )

    __tablename__ = "standing"

    app_id: Mapped[str] = mapped_column(primary_key=True)
    page: Mapped[int] = mapped_column(primary_key=True)
    hashes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    packed: Mapped[bytes]


class StandingKey(Base):
    """What all lists share, in the one row of this table: the key of their hashes, made with it and
    never again, and the newest `version` of any of them.
    """

    __tablename__ = "standing_key"

    key: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[Counter]
