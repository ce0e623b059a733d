"""Spans and evaluation events for the user's own OpenTelemetry: off unless the user asks for them.

The project has no telemetry of its own; nothing is sent anywhere but to where the user's own
environment, or application, says. The only home of opentelemetry.
"""
