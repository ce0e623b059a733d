"""Models that answer from a table, a case to ask them, and a check that counts its calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_quantguard._examiner import Examiner
from pytest_quantguard.checks.refusal import Refusal
from pytest_quantguard.engine.complete import Answer
from pytest_quantguard.types import (
    Completion,
    CompletionRequest,
    GoldenCase,
    Outcome,
    Source,
    Usage,
)


def case(**fields):
    return GoldenCase(
        **{
            "id": "c",
            "cohort": "faq",
            "request": CompletionRequest(messages=({"role": "user", "content": "?"},)),
            "source": Source(file="g.quant.yaml", line=1),
            **fields,
        }
    )


@dataclass
class Models:
    """Answers from a table, (variant, repeat) -> text; everything asked is remembered."""

    texts: dict
    asked: list = field(default_factory=list)
    references: dict = field(default_factory=dict)

    def ask(self, job):
        self.asked.append(job)
        if job.request.reference is not None:
            found = self.references[job.variant]
            if isinstance(found, Exception):
                return Answer(key="r", error=found)
            return Answer(key="r", completion=Completion(text="ref", tokens=found))
        text = self.texts.get((job.variant, job.repeat), self.texts.get(job.variant))
        if isinstance(text, Exception):
            return Answer(key="k", error=text)
        usage = Usage(prompt_tokens=10, completion_tokens=len(text))
        return Answer(key="k", completion=Completion(text=text, usage=usage, latency_s=0.5))

    def examiner(self, **options):
        return Examiner(
            baseline="base",
            candidates=("cand",),
            ask=self.ask,
            refusal=lambda case: Refusal(must=True),
            **options,
        )


@dataclass
class Counted:
    """A check that counts how often it is called, as one that pays a judge would."""

    calls: int = 0

    def __call__(self, completion, case):
        self.calls += 1
        return Outcome.of([] if "right" in completion.text else ["wrong"])
