"""Golden cases written as test functions: the body is the property, run for both arms."""

from pytest_quantguard import quant_case


@quant_case(cohort="faq", prompt="What are your opening hours?", request={"max_tokens": 48})
def test_opening_hours_are_short_and_not_empty(completion):
    assert 0 < len(completion.text) <= 200
    assert completion.finish_reason == "stop"
