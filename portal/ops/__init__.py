"""Operations: health, metrics, request ids, commands for the machine."""
