-- A product of which one zone is drawn anew.
UPDATE atelier.product_option SET mask = 'zone_pattern', operation = 'edit', input = 'base';
