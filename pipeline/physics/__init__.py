"""Physics behind one protocol: the task never knows which backend steps it."""
