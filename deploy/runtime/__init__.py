"""The robot runtime: a state machine around a policy, a supervisor before every command."""
