"""What is certified of a deletion: the statement, the envelope that is signed, and the key."""
