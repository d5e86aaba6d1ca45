"""What a block, hold or allow at a gateway lets an agent still do. Pure: no Django, no I/O."""
