"""What a soak has found, in words."""

from collections import Counter
from dataclasses import dataclass

from tests.soak.tracked import Account


@dataclass(frozen=True)
class Report:
    """done, faults: how often each; left: in words, what should not be there any more."""

    done: Counter[str]
    faults: Counter[str]
    account: Account
    left: list[str]

    @property
    def operations(self) -> int:
        return self.done.total()

    @property
    def fine(self) -> bool:
        return not self.left and not self.account.wrong and not self.account.lost

    def text(self) -> str:
        account = self.account
        told = [f"  {name:<16}{count:>7}\n" for name, count in (*sorted(self.done.items()), *sorted(self.faults.items()))]
        if account.exits:
            told.append(f"exits reported: {account.exits}, wrong: {account.wrong}\n")
            told.append(f"bytes moved: {account.moved}, lost: {account.lost}\n")
            told.append(f"kills survived: {sum(n for name, n in self.faults.items() if name.startswith('kill'))}\n")
        told += [f"left: {one}\n" for one in self.left] or ["nothing is left\n"]
        return "".join(told)
