"""The epochs of one seed, numbered from 1, from the rows that its program tells."""

from collections.abc import Mapping

from tune.adapters.program.metrics.row import Value
from tune.errors import TrainerMistake


class Epochs:
    """What is known of the epochs of one run.

    Args:
        done: How many epochs the study knows.
        to: How many are to be known.
        first: The number that the program gives its first epoch; None: to be seen.
        rows: By epoch after `done`, what was told before the checkpoint.
        resumed: Whether the program goes on from a checkpoint; it may be of an epoch before or after `done`.
        begun: The epoch of that checkpoint, after which rows without a number are counted. It is known of one with
            which a program ended by itself.
    """

    def __init__(
        self,
        done: int,
        to: int,
        first: int | None,
        rows: Mapping[int, Mapping[str, Value]],
        *,
        resumed: bool,
        begun: int = 0,
    ) -> None:
        self.done, self.to, self.first = done, to, first
        self.rows: dict[int, dict[str, Value]] = {epoch: dict(values) for epoch, values in rows.items()}
        self.resumed, self.begun = resumed, begun
        self.numbered = True
        self.kept = max(rows, default=done)
        self.latest = 0
        self.told = 0
        self._again = set() if resumed else set(range(1, done + 1))
        self._counted = 0

    @property
    def known(self) -> int:
        """Up to which epoch everything is known."""
        return max(self.rows, default=self.done)

    def take(self, number: int | None, values: Mapping[str, Value]) -> None:
        """Takes a row; one of an epoch that is known already adds to it, one of an epoch that is done is skipped.

        Args:
            number: As the program counts; None where it does not say.
            values: By metric.

        Raises:
            TrainerMistake: If epochs are missing before it.
        """
        self.told += 1
        if number is None:
            self.numbered = False
            epoch = self.begun + self.told
        else:
            if self.first is None:
                self.first = 1 if self.resumed else min(number, 1)
            epoch = number - self.first + 1
        if epoch < 1:
            return
        if epoch > max(self.known, self.latest) + 1:
            raise TrainerMistake(self._gap(number, epoch))
        self.latest = max(self.latest, epoch)
        if self.resumed and epoch <= self.kept:
            self._again.add(epoch)
        if epoch > self.done:
            self.rows.setdefault(epoch, {}).update(values)

    def whole(self, epoch: int, *, rows_are_whole: bool, ended: bool) -> bool:
        """Says whether nothing more is to be told of an epoch.

        Args:
            epoch: Which.
            rows_are_whole: Whether each row is all that is told of an epoch.
            ended: Whether the program has ended.
        """
        return epoch in self.rows and (rows_are_whole or ended or epoch <= self.kept or self.latest > epoch)

    def trained_again(self) -> int:
        """Returns how many epochs that were known were trained again since this was last asked.

        All, by a program that began at its first epoch; by one that went on, those that it told again.
        """
        counted, self._counted = self._counted, len(self._again)
        return self._counted - counted

    def add_late(self) -> None:
        """Counts what was told for the epoch after the last one as the last one's: tests after training are told so.

        Raises:
            TrainerMistake: If rows were counted after a checkpoint: then there is one epoch too many.
        """
        if self.resumed and not self.numbered and self.to + 1 in self.rows:
            raise TrainerMistake(
                f"the program went on from a checkpoint after epoch {self.begun} and told {self.told} epochs up to "
                f"{self.to}; it saves an earlier state than its last, so have it tell `epoch` with each row"
            )
        late = self.rows.pop(self.to + 1, {})
        if self.to in self.rows:
            self.rows[self.to] = {**late, **self.rows[self.to]}

    def _gap(self, number: int | None, epoch: int) -> str:
        known = max(self.known, self.latest)
        if known == 0:
            return (
                f"the first epoch that was told is {number}; a training is numbered from 0 or 1, say with "
                "program.metrics.first_epoch otherwise"
            )
        return (
            f"epoch {epoch} was told after epoch {known}: {known + 1} to {epoch - 1} are missing; every epoch must be "
            "told, and a program that goes on from {checkpoint} begins with the one after it"
        )
