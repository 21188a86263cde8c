"""Removal of rows that repeat an earlier row, exactly or nearly."""
