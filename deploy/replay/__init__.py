"""Replay: feed a recorded run to the policy again, and name the first step that differs."""
