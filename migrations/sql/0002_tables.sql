-- Two-phase garbage collection of objects, the archive of the sent outbox, and what people enter.

-- An object goes through condemned_at (nothing refers to it, or its time is over; can be taken back), doomed_at (no row
-- may name it any more) and deleted_at (it is gone from the store; the row stays as its tombstone).
ALTER TABLE object
    ADD COLUMN used_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN doomed_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    DROP CONSTRAINT object_class_check,
    -- scrap: what a step wrote before it was interrupted; no result names it
    ADD CONSTRAINT object_class_check CHECK (class IN ('source', 'derived', 'report', 'scrap')),
    ADD CHECK (deleted_at IS NULL OR doomed_at IS NOT NULL),
    ADD CHECK (doomed_at IS NULL OR condemned_at IS NOT NULL);
CREATE INDEX object_condemned ON object (condemned_at) WHERE condemned_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX recording_file_uri ON recording_file (uri);
CREATE INDEX step_key ON step (site_id, key) WHERE key IS NOT NULL;

-- Nothing of a case on hold is deleted, neither the case nor what it refers to.
ALTER TABLE "case" ADD COLUMN legal_hold boolean NOT NULL DEFAULT false;
-- When the leftovers of an ended run were looked for.
ALTER TABLE run ADD COLUMN tidied_at timestamptz;
CREATE INDEX run_untidied ON run (finished_at) WHERE tidied_at IS NULL;

-- Runs that were deleted with their case before that: their folder is still to be looked through.
CREATE TABLE deleted_run (
    id           uuid PRIMARY KEY,
    site_id      text NOT NULL REFERENCES site,
    case_id      uuid NOT NULL,
    finished_at  timestamptz NOT NULL DEFAULT now()
);

-- Which result names which object. Results are shared between cases of a site.
CREATE TABLE result_object (
    site_id  text NOT NULL REFERENCES site,
    key      text NOT NULL,
    uri      text NOT NULL REFERENCES object,
    PRIMARY KEY (site_id, key, uri),
    FOREIGN KEY (site_id, key) REFERENCES step_result ON DELETE CASCADE
);
CREATE INDEX result_object_uri ON result_object (uri);

-- Deliveries that were made some time ago, kept by month. What is open, parked or failed stays in delivery.
CREATE TABLE delivery_sent (
    delivered_at    timestamptz NOT NULL,
    id              uuid NOT NULL,
    site_id         text NOT NULL REFERENCES site,
    case_id         uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    report_id       uuid NOT NULL,
    version         integer NOT NULL,
    destination_id  text NOT NULL,
    attempts        integer NOT NULL,
    receipt         text NOT NULL,
    created_at      timestamptz NOT NULL,
    -- the rows of delivery_attempt as JSON, in order
    tries           jsonb NOT NULL,
    PRIMARY KEY (delivered_at, id)
) PARTITION BY RANGE (delivered_at);
CREATE INDEX delivery_sent_of_case ON delivery_sent (case_id);
CREATE INDEX delivery_sent_version ON delivery_sent (report_id, version, destination_id);
CREATE INDEX delivery_delivered ON delivery (delivered_at) WHERE status = 'delivered';

-- Deleting a case takes everything of it along; its objects are then garbage.
ALTER TABLE report_version
    DROP CONSTRAINT report_version_run_id_fkey,
    ADD FOREIGN KEY (run_id) REFERENCES run ON DELETE CASCADE;
