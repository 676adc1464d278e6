-- Waits for whoever makes a tick, until the end of this transaction.
SELECT FROM :"schema".layout FOR UPDATE
