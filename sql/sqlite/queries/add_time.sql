-- Adds the time ?2 to the block ?1.
INSERT INTO event_times (block, oldest, newest) VALUES (?1, ?2, ?2)
ON CONFLICT (block) DO UPDATE SET oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)
