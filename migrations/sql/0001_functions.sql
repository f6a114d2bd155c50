-- Partitions by month, made ahead. Rows outside of any go to the default partition, so that nothing is ever refused.
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = cases, pg_temp AS $$
DECLARE
    parent text;
    first  date;
    name   text;
BEGIN
    -- One at a time: two callers would otherwise make the same partition.
    PERFORM pg_advisory_xact_lock(7410022);
    FOREACH parent IN ARRAY ARRAY['audit', 'progress_log'] LOOP
        IF to_regclass(format('cases.%I', parent || '_other')) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_other', parent);
        END IF;
        FOR step IN 0..months_ahead LOOP
            first := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step))::date;
            name := format('%s_%s', parent, to_char(first, 'YYYY_MM'));
            IF to_regclass(format('cases.%I', name)) IS NULL THEN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    name, parent, first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00'
                );
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- Wakes whoever watches a case, and the dispatcher when something may have become due or a slot free. Postgres folds
-- equal notifications of one transaction into one.
CREATE FUNCTION tell_step() RETURNS trigger LANGUAGE plpgsql SET search_path = cases, pg_temp AS $$
BEGIN
    PERFORM pg_notify('ictogram_case', NEW.case_id::text);
    IF TG_OP = 'INSERT' OR NEW.status <> OLD.status THEN
        PERFORM pg_notify('ictogram_due', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER step_tells AFTER INSERT OR UPDATE OF status, fraction, message ON step
    FOR EACH ROW EXECUTE FUNCTION tell_step();

CREATE FUNCTION tell_case() RETURNS trigger LANGUAGE plpgsql SET search_path = cases, pg_temp AS $$
BEGIN
    PERFORM pg_notify('ictogram_case', NEW.id::text);
    RETURN NULL;
END $$;
CREATE TRIGGER case_tells AFTER INSERT OR UPDATE OF status, report_version ON "case"
    FOR EACH ROW EXECUTE FUNCTION tell_case();

CREATE FUNCTION tell_delivery() RETURNS trigger LANGUAGE plpgsql SET search_path = cases, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.status <> OLD.status THEN
        PERFORM pg_notify('ictogram_due', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER delivery_tells AFTER INSERT OR UPDATE OF status ON delivery
    FOR EACH ROW EXECUTE FUNCTION tell_delivery();

-- Results, audit rows and report versions are never changed.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER step_result_stays BEFORE UPDATE ON step_result FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
