-- The sums, and what they must be: the sums over the totals of the topics. Then the number
-- of shards and locks of repeats without a pointer, of repeats that no total will ever
-- count, and of totals of topics that are not in the dictionary.
SELECT s.stored, s.duplicates, s.conflicts, s.topics,
    coalesce(sum(t.stored), 0)::bigint, coalesce(sum(t.duplicates), 0)::bigint, coalesce(sum(t.conflicts), 0)::bigint, count(t.topic_no),
    (SELECT count(*) FROM :"schema".locks AS l WHERE l.lock < 1064 AND NOT EXISTS (SELECT FROM :"schema".folded AS f WHERE f.lock = l.lock)),
    (SELECT count(*) FROM :"schema".repeats AS r LEFT JOIN :"schema".folded AS f ON f.lock = r.lock WHERE r.n <= coalesce(f.n, r.n)),
    (SELECT count(*) FROM :"schema".totals AS t WHERE NOT EXISTS (SELECT FROM :"schema".topics AS p WHERE p.topic_no = t.topic_no))
FROM :"schema".sums AS s LEFT JOIN :"schema".totals AS t ON true
GROUP BY s.only_row, s.stored, s.duplicates, s.conflicts, s.topics
