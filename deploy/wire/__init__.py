"""The vendor's messages: what they hold, their bytes, and the DDS topics they travel on."""
