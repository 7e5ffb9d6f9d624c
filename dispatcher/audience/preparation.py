"""From a source to a frozen audience: checked, without repetitions, ready to be packed.

One DuckDB table holds each row as (key, text), see `checking`; the row's place in it is its place
in the source. It spills to a scratch directory beyond the memory allowed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dispatcher.audience import algebra, digests, leaving_out
from dispatcher.audience import rejects as rejected
from dispatcher.audience.algebra import Frozen
from dispatcher.audience.dealing import ByColumn, Dealing
from dispatcher.audience.digests import Portion, Sum
from dispatcher.audience.drawing import Drawing
from dispatcher.audience.engine import Engine
from dispatcher.audience.identifiers import known
from dispatcher.audience.leaving_out import Lists
from dispatcher.audience.listing import Source, listed, reads_standard_input
from dispatcher.audience.parts import Listing
from dispatcher.audience.prepared import Prepared
from dispatcher.audience.progress import Reporter, Watcher
from dispatcher.audience.query import Query
from dispatcher.audience.reasons import Reason
from dispatcher.audience.rejects import Rejects
from dispatcher.audience.rules import rules
from dispatcher.audience.scratch import scratch_directory
from dispatcher.audience.staging import Staged, Staging
from dispatcher.audience.standing import Standing, taken_up
from dispatcher.audience.suppression import Suppression, called_suppression
from dispatcher.audience.told import Told
from dispatcher.audience.zoning import Zoning
from dispatcher.errors import AudienceError, OptionError

OnInvalid = Literal["fail", "skip"]

_SHOWN = 10
"""Names in an error's text."""


@contextmanager
def prepare(
    source: Source | None,
    platforms: Iterable[str],
    *,
    on_invalid: OnInvalid = "fail",
    rejects: str | Path | None = None,
    suppress: Source | None = None,
    frozen: Frozen | None = None,
    format: str | None = None,
    query: Query | None = None,
    columns: Mapping[str, str] | None = None,
    ignore_columns: Iterable[str] | str | None = None,
    absent: Iterable[str] | str | None = None,
    salt: str = "",
    keyed: bool = False,
    standing: Standing | None = None,
    dealing: Dealing | None = None,
    zoning: Zoning | None = None,
    drawing: Drawing | None = None,
    memory: int = 200_000_000,
    scratch: Path,
    progress: Watcher | None = None,
    samples: int = 0,
) -> Iterator[Prepared]:
    """The audience of a campaign, checked, distinct and counted; nothing stays behind.

    source: a path (.csv, .jsonl, .ndjson or .parquet, with .gz or .zst behind; a directory of such
        files; "-" for standard input), several paths, a binary stream, an iterable of rows that
        have names for their values, or a data frame or another table with Arrow's stream.
    platforms: those of the message; an identifier that none of them knows is refused.
    on_invalid: "fail" refuses an audience with an invalid row; "skip" leaves those rows out.
    rejects: where the invalid rows are written to, as CSV of line, reason and row, with the
        file in front where there are several.
    suppress: who gets nothing: whoever has one of the identifiers in it, in whatever row. It comes
        as an audience does; none of its rows may be invalid.
    frozen: chunks of other campaigns, for whose sake members are excluded.
    format: "csv", "jsonl" or "parquet", of what has no name that says it: standard input and
        streams, which are JSON Lines otherwise, pipes, and files with other endings.
    query: of a database, whose rows come behind those of the source; this may be None then.
    columns: the identifier that a column holds, by the name that the file has for it.
    ignore_columns: the columns that are left out, or "all" for all that are no identifier.
    absent: the words that count as nothing, in place of the usual ones.
    salt: goes into the digest.
    keyed: whether the campaign may be there already: who is left out by now does not matter then,
        and where that is everybody, it is the audience's `refusal` and not raised.
    standing: the app's standing list, where somebody is on it: they count as suppressed. Its key
        has to be the salt.
    dealing: which member gets which of the message's texts, where there are several.
    zoning: which zone a member's clock is of, where each has a time of its own.
    drawing: which of the members go first, in chunks of their own.
    memory: bytes; what goes beyond spills to the disk.
    scratch: the directory under which this preparation makes a directory of its own.
    progress: called with a `Progress` at most five times a second.
    samples: how many of the invalid rows that are skipped it keeps, the first ones.

    Raises AudienceError, which names the file, the line and the remedy; OptionError where an option
    cannot be followed; SettingError where the memory is too small. What
    an iterable raises goes through as it is.
    """
    if on_invalid not in ("fail", "skip"):
        raise OptionError(f'on_invalid must be "fail" or "skip", not {on_invalid!r}.')
    said = rules(columns, ignore_columns, absent, salt, dealing, zoning)
    if suppress is not None and (suppress is source or _both_read_standard_input(source, suppress)):
        raise OptionError("What is suppressed cannot come from the audience's own source.")
    report_to = None if rejects is None else Path(rejects)
    listing = listed(source, format, query)
    unwanted = None
    if suppress is not None:
        with called_suppression():
            unwanted = listed(suppress, format)
    if report_to is not None:
        rejected.check_writable(report_to, [each for each in (listing, unwanted) if each])
    with ExitStack() as stack:
        directory = stack.enter_context(scratch_directory(scratch))
        reporter = Reporter(progress)
        reporter.notes += [*listing.notes, *(unwanted.notes if unwanted else ())]
        engine = stack.enter_context(Engine(directory, memory))
        identifiers = known(platforms)
        only_wanted = frozen is not None and frozen.only_unsent
        leaving_out.prepare(engine, only_wanted=only_wanted)
        if zoning is not None:
            zoning.prepare(engine)
        if frozen is not None:
            read = algebra.read(engine, directory / "frozen", frozen, identifiers, reporter)
            only_wanted = only_wanted and read
        suppression = None
        if unwanted is not None:
            told = Told(reporter, "Suppression list: ")
            of_list = replace(said, dealing=None, zoning=None)
            suppression = Suppression(engine, directory / "suppressed", of_list, told, reporter)
            suppression.read(unwanted)
        lists = leaving_out.Lists(engine, only_wanted=only_wanted)
        staging = Staging(
            engine,
            directory,
            identifiers,
            said,
            Told(reporter),
            reporter,
            "checked",
            lists.compared,
        )
        kept = rejected.SHOWN if on_invalid == "fail" else samples
        preparation = _Preparation(staging, lists, suppression, standing, keyed, drawing)
        yield preparation.prepare(listing, on_invalid, report_to, kept)


def _both_read_standard_input(source: Source | None, suppress: Source) -> bool:
    return reads_standard_input(source) and reads_standard_input(suppress)


@dataclass(frozen=True, slots=True)
class _Preparation:
    staging: Staging
    lists: Lists
    unwanted: Suppression | None
    standing: Standing | None
    keyed: bool
    drawing: Drawing | None

    def prepare(
        self, listing: Listing, on_invalid: OnInvalid, rejects: Path | None, keep: int
    ) -> Prepared:
        collected = None if rejects is None else self.staging.directory / "rejects"
        with Rejects(listing.several, collected, keep) as found:
            staged = self.staging.stage(listing, found)
        self._check_names()
        if rejects is not None and collected is not None:
            rejected.publish(collected, rejects)
        if found.count and on_invalid == "fail":
            found.refuse(listing.name, rejects)
        left_out = self._leave_out(staged.read)
        suppressed = left_out[Reason.SUPPRESSED].count
        if self.unwanted is not None and suppressed == 0:
            self.staging.reporter.notes.append(
                "The suppression list leaves nobody out: no member has an identifier of it."
            )
        excluded = left_out[Reason.EXCLUDED].count
        standing = left_out[Reason.STANDING].count
        members = staged.keys - left_out[Reason.REPEATED] - left_out[Reason.SUPPRESSED]
        total = members.count - excluded - standing
        refusal = None if total else AudienceError(_empty(listing, staged, left_out))
        if refusal is not None and not (self.keyed and members.count):
            raise refusal
        digest, rules = str(members), self.staging.rules
        of_variants, of_zones = rules.dealing is not None, rules.zoning is not None
        portions: dict[Portion, int] = {(None, None): total}
        if rules.dealing is not None:
            digest = digests.of_variants(
                digests.by_variant(self.staging.engine, rules.dealing.variants)
            )
        if of_variants or of_zones:
            portions = digests.counts(self.staging.engine, of_variants, of_zones)
        drawn: dict[Portion, int] = {}
        if self.drawing is not None and total:
            self.drawing.draw(self.staging.engine, total)
            drawn = digests.counts(self.staging.engine, of_variants, of_zones, drawn=True)
        names = None if rules.dealing is None else rules.dealing.variants
        got = {variant for variant, _ in portions}
        if unused := [name for at, name in enumerate(names or (), 1) if at not in got]:
            self.staging.reporter.notes.append(f"Nobody gets {', '.join(unused)}.")
        return Prepared(
            read=staged.read,
            invalid=staged.invalid,
            duplicates=left_out[Reason.REPEATED].count,
            suppressed=suppressed + standing,
            excluded=excluded,
            total=total,
            absent=self.staging.told.absent,
            variant_names=names,
            portions=portions,
            drawn=drawn,
            refusal=refusal,
            digest=digest,
            salt=self.staging.rules.salt,
            identifiers=self.staging.identifiers,
            first_invalid=tuple(found.first),
            engine=self.staging.engine,
            reporter=self.staging.reporter,
        )

    def _check_names(self) -> None:
        """Raise OptionError for a column that was named, but is nowhere."""
        rules, found = self.staging.rules, self.staging.told.names
        if isinstance(rules.dealing, ByColumn) and not any(map(rules.dealing.is_in, found)):
            raise _nowhere(rules.dealing.name, "--variant-column", found)
        zoning = rules.zoning
        if zoning is not None and zoning.required and not any(map(zoning.is_in, found)):
            raise _nowhere(zoning.name, "--zone-column", found)
        if self.unwanted is not None:
            found = found | self.unwanted.told.names
        for name in self.staging.rules.columns.named:
            if name not in found:
                raise _nowhere(name, "--column", found)

    def _leave_out(self, read: int) -> dict[Reason, Sum]:
        """The keys of the rows that are left out, by reason; `read` is how many were read."""
        staging, reporter = self.staging, self.staging.reporter
        standing = self.standing and taken_up(
            staging.engine, staging.directory, self.standing, staging.told.held
        )
        return self.lists.leave_out(
            lambda fraction: reporter.report("checking", int(fraction * read), read, fraction),
            standing or (),
        )


def _nowhere(name: str, option: str, found: Iterable[str]) -> OptionError:
    columns = ", ".join(repr(each) for each in sorted(found)[:_SHOWN])
    return OptionError(f"There is no column {name!r} to be named ({option}): found were {columns}.")


def _empty(listing: Listing, staged: Staged, left_out: Mapping[Reason, Sum]) -> str:
    if staged.read == 0:
        return f"The audience {listing.name} is empty: it holds no row."
    counts = {
        "suppressed": left_out[Reason.SUPPRESSED].count + left_out[Reason.STANDING].count,
        "excluded": left_out[Reason.EXCLUDED].count,
    }
    if reasons := [reason for reason, count in counts.items() if count]:
        return f"The audience {listing.name} is empty: all its members are {' or '.join(reasons)}."
    return f"The audience {listing.name} is empty: none of its {staged.read:,} rows is valid."
