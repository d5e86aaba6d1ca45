"""Operations: health, metrics, request ids, commands for operators."""
