"""The drawer of providers: one file per way to reach a model."""

PROVIDERS = {
    "openai": "pytest_quantguard.providers.openai:OpenAIProvider",
    "llamacpp": "pytest_quantguard.providers.llamacpp:LlamaCppProvider",
    "recorded": "pytest_quantguard.providers.recorded:RecordedProvider",
}
