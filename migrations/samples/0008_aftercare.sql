-- A call that was given up by its brand's policy, and one that is asked about again.
UPDATE atelier.attempt SET lost_by = 'retry_once', asks = 0
WHERE id = (SELECT id FROM atelier.attempt WHERE state = 'rejected' ORDER BY id LIMIT 1);
UPDATE atelier.attempt SET asks = 2, ask_at = '2026-11-02T00:00:00Z'
WHERE id = (SELECT id FROM atelier.attempt WHERE state IN ('submitting', 'accepted', 'unknown') ORDER BY id LIMIT 1);
