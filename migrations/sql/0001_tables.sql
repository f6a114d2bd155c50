-- The data model of the cases service. Every table but `site` carries site_id; row-level security stands in
-- 0001_security.sql, triggers and partitions in 0001_functions.sql.
-- Times named *_s are seconds from the first frame of the recording; *_at and "at" are instants.

CREATE TABLE site (
    id          text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$'),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The patient as the hospital names them.
CREATE TABLE patient (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id     text NOT NULL REFERENCES site,
    system      text NOT NULL DEFAULT '',
    identifier  text NOT NULL,
    family      text NOT NULL DEFAULT '',
    given       text NOT NULL DEFAULT '',
    birth_date  text NOT NULL DEFAULT '',
    sex         text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_id, system, identifier)
);

-- The history; never changed, only followed by a further version.
CREATE TABLE patient_context (
    patient_id                 uuid NOT NULL REFERENCES patient ON DELETE CASCADE,
    version                    integer NOT NULL CHECK (version >= 1),
    site_id                    text NOT NULL REFERENCES site,
    age_years                  double precision,
    handedness                 text NOT NULL DEFAULT '',
    language_dominance         text NOT NULL DEFAULT '',
    language_dominance_source  text NOT NULL DEFAULT '',
    baseline_weakness          text NOT NULL DEFAULT '',
    baseline_movement          text NOT NULL DEFAULT '',
    prior_surgery              text NOT NULL DEFAULT '',
    last_seizure_at            text NOT NULL DEFAULT '',
    medication_taper           text NOT NULL DEFAULT '',
    rescue_drug                text NOT NULL DEFAULT '',
    rescue_drug_at             text NOT NULL DEFAULT '',
    history                    text NOT NULL DEFAULT '',
    suspected_spasms           boolean NOT NULL DEFAULT false,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (patient_id, version)
);

CREATE TABLE "case" (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id           text NOT NULL REFERENCES site,
    patient_id        uuid NOT NULL REFERENCES patient,
    context_version   integer NOT NULL,
    has_order         boolean NOT NULL,
    order_system      text NOT NULL DEFAULT '',
    order_identifier  text NOT NULL DEFAULT '',
    order_encounter   text NOT NULL DEFAULT '',
    -- SHA-256 over the digests and places of all files: the same content for the same order and patient is one case.
    content_digest    text NOT NULL,
    priority          text NOT NULL CHECK (priority IN ('stat', 'batch')),
    status            text NOT NULL CHECK (status IN ('queued', 'running', 'reported', 'failed', 'cancelled')),
    error_code        text NOT NULL DEFAULT '',
    error_message     text NOT NULL DEFAULT '',
    report_id         uuid NOT NULL DEFAULT gen_random_uuid(),
    report_version    integer NOT NULL DEFAULT 0,
    run_id            uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (patient_id, context_version) REFERENCES patient_context (patient_id, version),
    UNIQUE (site_id, patient_id, has_order, order_system, order_identifier, content_digest)
);
CREATE INDEX case_newest ON "case" (site_id, created_at DESC, id DESC);

CREATE TABLE recording (
    case_id        uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    id             text NOT NULL,
    site_id        text NOT NULL REFERENCES site,
    position       integer NOT NULL,
    mirrored       text NOT NULL CHECK (mirrored IN ('unknown', 'yes', 'no')),
    camera         text NOT NULL DEFAULT '',
    filmed_by      text NOT NULL DEFAULT '',
    consent_scope  text NOT NULL DEFAULT '',
    -- left, top, right, bottom as fractions of the displayed picture
    patient_box    double precision[] CHECK (array_length(patient_box, 1) = 4),
    -- measured by intake: RecordingFacts as JSON
    facts          jsonb,
    PRIMARY KEY (case_id, id)
);

CREATE TABLE recording_file (
    case_id       uuid NOT NULL,
    recording_id  text NOT NULL,
    position      integer NOT NULL,
    site_id       text NOT NULL REFERENCES site,
    uri           text NOT NULL,
    sha256        text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes    bigint NOT NULL CHECK (size_bytes >= 0),
    media_type    text NOT NULL,
    start_s       double precision NOT NULL,
    PRIMARY KEY (case_id, recording_id, position),
    FOREIGN KEY (case_id, recording_id) REFERENCES recording ON DELETE CASCADE
);

CREATE TABLE clock_anchor (
    case_id         uuid NOT NULL,
    recording_id    text NOT NULL,
    position        integer NOT NULL,
    site_id         text NOT NULL REFERENCES site,
    pts_us          bigint NOT NULL,
    at              text NOT NULL,
    time_zone       text NOT NULL DEFAULT '',
    source          text NOT NULL CHECK (source IN ('container', 'server', 'user', 'eeg')),
    uncertainty_ms  double precision NOT NULL,
    PRIMARY KEY (case_id, recording_id, position),
    FOREIGN KEY (case_id, recording_id) REFERENCES recording ON DELETE CASCADE
);

CREATE TABLE eeg_alignment (
    case_id         uuid NOT NULL,
    recording_id    text NOT NULL,
    site_id         text NOT NULL REFERENCES site,
    file_id         text NOT NULL,
    offset_ms       double precision NOT NULL,
    uncertainty_ms  double precision NOT NULL,
    drift_ppm       double precision NOT NULL,
    PRIMARY KEY (case_id, recording_id),
    FOREIGN KEY (case_id, recording_id) REFERENCES recording ON DELETE CASCADE
);

-- One pass of the journey. At most one per case is active.
CREATE TABLE run (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id         text NOT NULL REFERENCES site,
    case_id         uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    number          integer NOT NULL CHECK (number >= 1),
    status          text NOT NULL CHECK (status IN ('queued', 'running', 'reported', 'failed', 'cancelled')),
    -- W3C traceparent of the request that started it
    traceparent     text NOT NULL DEFAULT '',
    -- service -> digest that the run expects, written when the first of its steps is claimed
    pinned          jsonb NOT NULL DEFAULT '{}',
    -- the report version this run will write, and the instant it carries: fixed once, so that a second try writes the same bytes
    report_version  integer,
    composed_at     timestamptz,
    error_code      text NOT NULL DEFAULT '',
    error_message   text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    UNIQUE (case_id, number)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX run_one_active ON run (case_id) WHERE status IN ('queued', 'running');
ALTER TABLE "case" ADD FOREIGN KEY (run_id) REFERENCES run DEFERRABLE INITIALLY DEFERRED;

-- What is to be done, and who holds it. Columns that heartbeats change stand in no index, and pages keep room (HOT).
CREATE TABLE step (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id        text NOT NULL REFERENCES site,
    case_id        uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    run_id         uuid NOT NULL REFERENCES run ON DELETE CASCADE,
    name           text NOT NULL CHECK (name IN ('intake', 'segmentation', 'semiology', 'localization', 'report')),
    -- empty for steps over the whole case
    recording_id   text NOT NULL DEFAULT '',
    part           integer NOT NULL DEFAULT 0,
    priority       text NOT NULL CHECK (priority IN ('stat', 'batch')),
    status         text NOT NULL
                   CHECK (status IN ('waiting', 'ready', 'running', 'done', 'failed', 'cancelled')),
    attempt        integer NOT NULL DEFAULT 0,
    max_attempts   integer NOT NULL CHECK (max_attempts >= 1),
    -- returns in a row that did not count as attempts: the service was busy, not there, or out of disk
    waits          integer NOT NULL DEFAULT 0,
    not_before     timestamptz NOT NULL DEFAULT now(),
    rung_at        timestamptz,
    rings          integer NOT NULL DEFAULT 0,
    lease_token    uuid,
    lease_until    timestamptz,
    key            text,
    fraction       real NOT NULL DEFAULT 0,
    stage          text NOT NULL DEFAULT '',
    message        text NOT NULL DEFAULT '',
    error_code     text NOT NULL DEFAULT '',
    error_message  text NOT NULL DEFAULT '',
    reused         boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    UNIQUE (run_id, name, recording_id, part)
) WITH (fillfactor = 70);
CREATE INDEX step_ready ON step (name, priority, site_id, created_at) WHERE status = 'ready';
CREATE INDEX step_running ON step (name) WHERE status = 'running';

-- When each site last had a step of each kind rung: sites take turns.
CREATE TABLE turn (
    site_id  text NOT NULL REFERENCES site,
    name     text NOT NULL,
    rung_at  timestamptz NOT NULL,
    PRIMARY KEY (site_id, name)
) WITH (fillfactor = 50);

-- What a step found. Never changed; the first writer wins.
CREATE TABLE step_result (
    site_id      text NOT NULL REFERENCES site,
    key          text NOT NULL,
    name         text NOT NULL,
    -- the service's Result message, serialised
    content      bytea NOT NULL,
    made_by      uuid NOT NULL,
    digest       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, key)
);

-- Projections of a run's results, so that they can be asked for in SQL.
CREATE TABLE episode (
    run_id                   uuid NOT NULL REFERENCES run ON DELETE CASCADE,
    id                       text NOT NULL,
    site_id                  text NOT NULL REFERENCES site,
    case_id                  uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    recording_id             text NOT NULL,
    score                    double precision NOT NULL,
    onset_lo_s               double precision NOT NULL,
    onset_hi_s               double precision NOT NULL,
    offset_lo_s              double precision NOT NULL,
    offset_hi_s              double precision NOT NULL,
    onset_captured           boolean NOT NULL,
    offset_captured          boolean NOT NULL,
    source                   text NOT NULL,
    state                    text NOT NULL,
    state_before             text NOT NULL,
    eeg_onset_lo_s           double precision,
    eeg_onset_hi_s           double precision,
    clinical_onset_lo_s      double precision,
    clinical_onset_hi_s      double precision,
    first_visible_sign_lo_s  double precision,
    first_visible_sign_hi_s  double precision,
    first_sign               text NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, id)
);

CREATE TABLE finding (
    run_id             uuid NOT NULL,
    episode_id         text NOT NULL,
    id                 text NOT NULL,
    site_id            text NOT NULL REFERENCES site,
    sign               text NOT NULL,
    status             text NOT NULL
                       CHECK (status IN ('present', 'possible', 'not_seen', 'not_assessable', 'not_tested')),
    reason             text NOT NULL,
    score              double precision,
    calibrated         boolean NOT NULL,
    assessable_s       double precision NOT NULL,
    episode_s          double precision NOT NULL,
    engine             text NOT NULL DEFAULT '',
    engine_version     text NOT NULL DEFAULT '',
    engine_digest      text NOT NULL DEFAULT '',
    view               text NOT NULL,
    catalogue_version  text NOT NULL,
    PRIMARY KEY (run_id, id),
    FOREIGN KEY (run_id, episode_id) REFERENCES episode ON DELETE CASCADE
);
CREATE INDEX finding_by_sign ON finding (site_id, sign, status);

CREATE TABLE occurrence (
    run_id            uuid NOT NULL,
    finding_id        text NOT NULL,
    id                text NOT NULL,
    site_id           text NOT NULL REFERENCES site,
    sign              text NOT NULL,
    onset_lo_s        double precision NOT NULL,
    onset_hi_s        double precision NOT NULL,
    offset_lo_s       double precision NOT NULL,
    offset_hi_s       double precision NOT NULL,
    side              text NOT NULL,
    side_refers_to    text NOT NULL,
    side_confirmed    boolean NOT NULL,
    body_part         text NOT NULL,
    phase             text NOT NULL,
    score             double precision NOT NULL,
    censored_left     boolean NOT NULL,
    censored_right    boolean NOT NULL,
    touched_by_staff  boolean NOT NULL,
    author            text NOT NULL,
    PRIMARY KEY (run_id, id),
    FOREIGN KEY (run_id, finding_id) REFERENCES finding ON DELETE CASCADE
);

-- Entered by people.
CREATE TABLE test (
    case_id       uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    id            text NOT NULL,
    site_id       text NOT NULL REFERENCES site,
    recording_id  text NOT NULL,
    kind          text NOT NULL,
    at_lo_s       double precision NOT NULL,
    at_hi_s       double precision NOT NULL,
    prompt        text NOT NULL DEFAULT '',
    response      text NOT NULL DEFAULT '',
    entered_by    text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, id),
    FOREIGN KEY (case_id, recording_id) REFERENCES recording ON DELETE CASCADE
);

CREATE TABLE intervention (
    case_id       uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    id            text NOT NULL,
    site_id       text NOT NULL REFERENCES site,
    recording_id  text NOT NULL,
    kind          text NOT NULL,
    at_lo_s       double precision NOT NULL,
    at_hi_s       double precision NOT NULL,
    entered_by    text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, id),
    FOREIGN KEY (case_id, recording_id) REFERENCES recording ON DELETE CASCADE
);

CREATE TABLE "read" (
    case_id             uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    id                  text NOT NULL,
    site_id             text NOT NULL REFERENCES site,
    reader              text NOT NULL,
    role                text NOT NULL,
    blinded_to_ai       boolean NOT NULL,
    blinded_to_eeg      boolean NOT NULL,
    blinded_to_history  boolean NOT NULL,
    started_at          text NOT NULL,
    finished_at         text NOT NULL DEFAULT '',
    -- the reader's own marks: a list of Episode as JSON
    episodes            jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (case_id, id)
);

CREATE TABLE report (
    id          uuid PRIMARY KEY,
    site_id     text NOT NULL REFERENCES site,
    case_id     uuid NOT NULL UNIQUE REFERENCES "case" ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE report_version (
    report_id   uuid NOT NULL REFERENCES report ON DELETE CASCADE,
    version     integer NOT NULL CHECK (version >= 1),
    site_id     text NOT NULL REFERENCES site,
    run_id      uuid NOT NULL UNIQUE REFERENCES run,
    -- key of the step_result that holds the ReportFiles
    result_key  text NOT NULL,
    signed      boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (report_id, version),
    FOREIGN KEY (site_id, result_key) REFERENCES step_result
);

CREATE TABLE destination (
    site_id     text NOT NULL REFERENCES site,
    id          text NOT NULL,
    kind        text NOT NULL,
    release     text NOT NULL CHECK (release IN ('signed_only', 'preliminary')),
    -- who answers for unsigned reports going there
    owner       text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, id),
    CHECK (release = 'signed_only' OR owner <> '')
);

-- The outbox: one report version on its way to one destination.
CREATE TABLE delivery (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id         text NOT NULL REFERENCES site,
    case_id         uuid NOT NULL REFERENCES "case" ON DELETE CASCADE,
    report_id       uuid NOT NULL,
    version         integer NOT NULL,
    destination_id  text NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'sending', 'delivered', 'failed', 'parked')),
    attempts        integer NOT NULL DEFAULT 0,
    claims          integer NOT NULL DEFAULT 0,
    not_before      timestamptz NOT NULL DEFAULT now(),
    rung_at         timestamptz,
    lease_token     uuid,
    lease_until     timestamptz,
    error_code      text NOT NULL DEFAULT '',
    error_message   text NOT NULL DEFAULT '',
    receipt         text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    UNIQUE (report_id, version, destination_id),
    FOREIGN KEY (report_id, version) REFERENCES report_version ON DELETE CASCADE,
    FOREIGN KEY (site_id, destination_id) REFERENCES destination
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX delivery_one_sending ON delivery (report_id, destination_id) WHERE status = 'sending';
CREATE INDEX delivery_open ON delivery (created_at) WHERE status IN ('pending', 'sending');
CREATE INDEX delivery_of_case ON delivery (case_id);

CREATE TABLE delivery_attempt (
    delivery_id    uuid NOT NULL REFERENCES delivery ON DELETE CASCADE,
    number         integer NOT NULL CHECK (number >= 1),
    site_id        text NOT NULL REFERENCES site,
    started_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    outcome        text NOT NULL DEFAULT '',
    error_code     text NOT NULL DEFAULT '',
    error_message  text NOT NULL DEFAULT '',
    PRIMARY KEY (delivery_id, number)
);

-- Mutations that were answered: the same id with the same request gets the same answer.
CREATE TABLE request (
    site_id     text NOT NULL REFERENCES site,
    caller      text NOT NULL,
    method      text NOT NULL,
    request_id  text NOT NULL,
    hash        text NOT NULL,
    response    bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, caller, method, request_id)
);

-- Every stored object that a row names. Garbage collection is in two phases: marked (condemned_at), later deleted.
CREATE TABLE object (
    uri           text PRIMARY KEY,
    site_id       text NOT NULL REFERENCES site,
    case_id       uuid REFERENCES "case" ON DELETE SET NULL,
    sha256        text NOT NULL,
    bytes         bigint NOT NULL,
    media_type    text NOT NULL,
    class         text NOT NULL CHECK (class IN ('source', 'derived', 'report')),
    expires_at    timestamptz,
    legal_hold    boolean NOT NULL DEFAULT false,
    condemned_at  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX object_of_case ON object (case_id);

-- Who asked for what. Kept by month.
CREATE TABLE audit (
    at        timestamptz NOT NULL DEFAULT now(),
    id        uuid NOT NULL DEFAULT gen_random_uuid(),
    site_id   text NOT NULL,
    actor     text NOT NULL,
    roles     text[] NOT NULL,
    method    text NOT NULL,
    case_id   uuid,
    outcome   text NOT NULL,
    trace_id  text NOT NULL DEFAULT '',
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX audit_of_case ON audit (case_id, at);

-- What happened to each step, run and delivery. Kept by month.
CREATE TABLE progress_log (
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    id          bigint GENERATED ALWAYS AS IDENTITY,
    site_id     text NOT NULL,
    case_id     uuid NOT NULL,
    run_id      uuid,
    step_id     uuid,
    event       text NOT NULL,
    attempt     integer NOT NULL DEFAULT 0,
    error_code  text NOT NULL DEFAULT '',
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX progress_log_of_case ON progress_log (case_id, at);
