-- Two roles that a connection takes on per transaction (SET LOCAL ROLE), both without login and without BYPASSRLS:
--   ictogram_site    acts for one caller and sees only the site in the setting ictogram.site
--   ictogram_worker  the journey and the dispatcher, which cross sites on purpose
-- The login role needs membership in both (an owner or superuser has it), best without inheriting their rights
-- (NOINHERIT), so that a transaction that takes on neither role sees nothing. Where the migrating role may not create
-- roles, an administrator makes the two beforehand.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['ictogram_site', 'ictogram_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', wanted);
        END IF;
        IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
        -- SET ROLE became a right of its own with Postgres 16; who creates a role there gets membership without it.
        IF current_setting('server_version_num')::integer >= 160000 THEN
            IF NOT pg_has_role(current_user, wanted, 'SET') THEN
                EXECUTE format('GRANT %I TO CURRENT_USER WITH SET TRUE', wanted);
            END IF;
        END IF;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA cases TO ictogram_site, ictogram_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cases TO ictogram_site, ictogram_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA cases TO ictogram_site, ictogram_worker;
REVOKE UPDATE, DELETE ON audit, step_result FROM ictogram_site, ictogram_worker;
REVOKE DELETE ON site, report_version FROM ictogram_site, ictogram_worker;
REVOKE EXECUTE ON FUNCTION ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO ictogram_worker;

DO $$
DECLARE
    tab text;
    col text;
BEGIN
    FOR tab IN
        SELECT relname FROM pg_class WHERE relnamespace = 'cases'::regnamespace AND relkind IN ('r', 'p')
           AND NOT relispartition AND relname <> 'alembic_version'
    LOOP
        col := CASE tab WHEN 'site' THEN 'id' ELSE 'site_id' END;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
        -- also for the owner of the tables
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
        EXECUTE format(
            'CREATE POLICY own_site ON %I TO ictogram_site '
            'USING (%I = current_setting(''ictogram.site'', true)) WITH CHECK (%I = current_setting(''ictogram.site'', true))',
            tab, col, col
        );
        EXECUTE format('CREATE POLICY all_sites ON %I TO ictogram_worker USING (true) WITH CHECK (true)', tab);
    END LOOP;
END $$;
