-- Makes the partitions of this month and the coming ones. Returns those that should have been there already, with the
-- rows that meanwhile went to the default partition and now stand where they belong: a sweep that did not run in time.
DROP FUNCTION ensure_partitions(integer);
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS TABLE (late text, strays bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = cases, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    parents CONSTANT text[] := ARRAY['audit', 'progress_log', 'delivery_sent'];
    parent  text;
    col     text;
    other   text;
    name    text;
    first   timestamptz;
    following timestamptz;
    wanted  timestamptz[];
BEGIN
    -- One at a time: two callers would otherwise make the same partition.
    PERFORM pg_advisory_xact_lock(7410022);
    FOREACH parent IN ARRAY parents LOOP
        col := CASE parent WHEN 'delivery_sent' THEN 'delivered_at' ELSE 'at' END;
        other := parent || '_other';
        IF to_regclass(format('cases.%I', other)) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', other, parent);
        END IF;
        -- the months ahead, and every month of which rows stand in the default partition
        EXECUTE format(
            'SELECT array_agg(DISTINCT month ORDER BY month) FROM (SELECT date_trunc(''month'', now())'
            ' + make_interval(months => step) AS month FROM generate_series(0, $1) AS step'
            ' UNION SELECT date_trunc(''month'', %I) FROM %I) AS months', col, other
        ) INTO wanted USING months_ahead;
        FOREACH first IN ARRAY wanted LOOP
            name := format('%s_%s', parent, to_char(first, 'YYYY_MM'));
            CONTINUE WHEN to_regclass(format('cases.%I', name)) IS NOT NULL;
            following := first + interval '1 month';
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', other);
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS)', name, parent);
            EXECUTE format(
                'WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING *) INSERT INTO %I SELECT * FROM moved',
                other, col, col, name
            ) USING first, following;
            GET DIAGNOSTICS strays = ROW_COUNT;
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name, first, following);
            late := name;
            IF strays > 0 THEN
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO ictogram_worker;

-- The cases that refer to an object: as a recording's file, or through a result that one of their steps ended with.
CREATE FUNCTION case_of(wanted text) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE SET search_path = cases, pg_temp AS $$
    SELECT f.case_id FROM recording_file f WHERE f.uri = wanted
    UNION ALL
    SELECT s.case_id FROM result_object u JOIN step s ON s.site_id = u.site_id AND s.key = u.key WHERE u.uri = wanted
$$;

-- A case on hold stays.
CREATE FUNCTION refuse_delete_on_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the case is on legal hold' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER case_on_hold_stays BEFORE DELETE ON "case" FOR EACH ROW WHEN (OLD.legal_hold)
    EXECUTE FUNCTION refuse_delete_on_hold();

CREATE FUNCTION remember_deleted_run() RETURNS trigger LANGUAGE plpgsql SET search_path = cases, pg_temp AS $$
BEGIN
    INSERT INTO deleted_run (id, site_id, case_id) VALUES (OLD.id, OLD.site_id, OLD.case_id);
    RETURN NULL;
END $$;
CREATE TRIGGER run_leaves AFTER DELETE ON run FOR EACH ROW WHEN (OLD.tidied_at IS NULL)
    EXECUTE FUNCTION remember_deleted_run();

-- Tests and interventions are added, never changed; a read is its reader's until it is closed.
CREATE TRIGGER test_stays BEFORE UPDATE ON test FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER intervention_stays BEFORE UPDATE ON intervention FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION refuse_change_of_closed_read() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a closed read is never changed' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER closed_read_stays BEFORE UPDATE ON "read" FOR EACH ROW WHEN (OLD.finished_at <> '')
    EXECUTE FUNCTION refuse_change_of_closed_read();
REVOKE UPDATE, DELETE ON test, intervention FROM ictogram_site, ictogram_worker;
REVOKE DELETE ON "read" FROM ictogram_site, ictogram_worker;

GRANT SELECT, INSERT ON delivery_sent, result_object, deleted_run TO ictogram_site, ictogram_worker;
GRANT DELETE ON deleted_run TO ictogram_worker;
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['delivery_sent', 'result_object', 'deleted_run'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY own_site ON %I TO ictogram_site USING (site_id = current_setting(''ictogram.site'', true)) '
            'WITH CHECK (site_id = current_setting(''ictogram.site'', true))', tab
        );
        EXECUTE format('CREATE POLICY all_sites ON %I TO ictogram_worker USING (true) WITH CHECK (true)', tab);
    END LOOP;
END $$;

-- Results from before result_object: a result that holds an object's address names it. As the worker, because row-level
-- security holds for the owner of the tables, too.
SET LOCAL ROLE ictogram_worker;
INSERT INTO result_object (site_id, key, uri)
SELECT r.site_id, r.key, o.uri FROM step_result r
  JOIN object o ON o.site_id = r.site_id AND position(convert_to(o.uri, 'UTF8') IN r.content) > 0;
RESET ROLE;
