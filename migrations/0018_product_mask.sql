-- Which zone of a product alone may be drawn anew; NULL where the whole picture may change.
ALTER TABLE atelier.product_option
    ADD COLUMN mask text,
    -- Its place is known on the base photograph alone.
    ADD CONSTRAINT product_option_mask CHECK (mask IS NULL OR (operation = 'edit' AND input = 'base'));
