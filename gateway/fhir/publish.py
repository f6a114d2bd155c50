"""Publishes our part of FHIR as resources: code systems from the catalogue, extensions, maps to other systems.

``schemas/fhir/generate.sh`` writes them as JSON files; a test keeps the files and this module in step.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gateway.fhir.coding import VOCABULARY, Json, local_systems
from gateway.fhir.context import narrative
from schemas.catalogue import Catalogue, CodeRelation, ExternalCode, load_catalogue

HPO = "http://human-phenotype-ontology.org"
"""HL7's address of the Human Phenotype Ontology."""

HED_SCORE = f"{VOCABULARY}/CodeSystem/hed-score"
"""HED SCORE has no address in FHIR; this one stands in for it and holds only the codes that we use."""

PUBLISHER = "ictogram project"

_TITLES = {
    "sign": "Semiological signs of the ictogram catalogue",
    "measure": "What ictogram measures and states",
    "document": "Kinds of documents",
    "method": "How a video was read",
    "capture": "Whether a recording shows the onset or the end",
    "finding-status": "What a report says of a sign (there is no absent and no normal)",
    "side": "The patient's own side",
    "side-refers-to": "What a side refers to",
    "phase": "Phases of an episode",
    "episode-state": "Whether a candidate was confirmed",
    "state-before": "State of the patient before an episode",
    "body-region": "Parts of the body as a camera tells them apart",
    "not-assessable": "Why something could not be judged or was not tested",
}

_EXTENSIONS = {
    "recording-clock": ("DocumentReference", "code", "Source of wall-clock times; none: none can be trusted"),
    "sha256": ("Attachment", "string", "SHA-256 of the content, lower-case hex"),
    "video-segment": ("Reference", "Range", "Part of a recording, seconds from its first frame"),
}


def resources(catalogue: Catalogue) -> dict[str, Json]:
    """Every published resource under its file name."""
    found = [
        *(code_system(name, codes, catalogue) for name, codes in local_systems(catalogue).items()),
        hed_fragment(catalogue),
        *(extension_definition(name, *about) for name, about in _EXTENSIONS.items()),
        concept_map("hed-score", HED_SCORE, catalogue),
        concept_map("hpo", HPO, catalogue),
    ]
    return {f"{one['resourceType']}-{one['id']}.json": one for one in found}


def _head(kind: str, name: str, title: str, catalogue: Catalogue) -> Json:
    return {
        "resourceType": kind,
        "id": name,
        "text": narrative(title),
        "url": f"{VOCABULARY}/{kind}/{name}",
        "version": catalogue.version,
        "name": "Ictogram" + "".join(part.title() for part in name.split("-")),
        "title": title,
        "status": "draft",
        "experimental": True,
        "publisher": PUBLISHER,
    }


def code_system(name: str, codes: dict[str, str], catalogue: Catalogue) -> Json:
    """A local code system; signs carry their definitions."""
    signs = catalogue.by_id if name == "sign" else {}
    concepts = []
    for code, display in codes.items():
        meaning = {"definition": signs[code].definition} if code in signs else {}
        concepts.append({"code": code, "display": display, **meaning})
    return {
        **_head("CodeSystem", name, _TITLES[name], catalogue),
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def hed_fragment(catalogue: Catalogue) -> Json:
    """The HED SCORE codes that the catalogue uses."""
    used = {code.code: code.label for sign in catalogue.signs for code in sign.hed}
    return {
        **_head("CodeSystem", "hed-score", "Codes of HED SCORE 2.1.0 (CC BY 4.0) that ictogram uses", catalogue),
        "caseSensitive": True,
        "content": "fragment",
        "concept": [{"code": code, "display": used[code]} for code in sorted(used)],
    }


def concept_map(name: str, target: str, catalogue: Catalogue) -> Json:
    """From our signs to another system; only HED SCORE codes are ever equivalent."""
    elements = []
    for sign in catalogue.signs:
        codes = sign.hed if name == "hed-score" else sign.hpo
        if codes:
            targets = [_target(code) for code in codes]
            elements.append({"code": sign.id, "display": sign.title, "target": targets})
    source = f"{VOCABULARY}/CodeSystem/sign"
    return {
        **_head("ConceptMap", f"sign-to-{name}", f"Signs of the ictogram catalogue in {name}", catalogue),
        "group": [{"source": source, "target": target, "element": elements}],
    }


def _target(code: ExternalCode) -> Json:
    comment = {}
    if code.code.startswith("HP:"):
        comment = {"comment": "Names a seizure type, never to be asserted from one sign"}
    elif code.relation is CodeRelation.NARROWER:  # R4's cmd-1 wants a reason
        comment = {"comment": "Theirs is one form of the sign"}
    return {"code": code.code, "display": code.label, "equivalence": code.relation.value, **comment}


def extension_definition(name: str, context: str, kind: str, meaning: str) -> Json:
    """A StructureDefinition of one of our extensions with a single value."""
    url = f"{VOCABULARY}/StructureDefinition/{name}"
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "text": narrative(meaning),
        "url": url,
        "name": "Ictogram" + "".join(part.title() for part in name.split("-")),
        "title": meaning,
        "status": "draft",
        "experimental": True,
        "publisher": PUBLISHER,
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": context}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {
            "element": [
                {"id": "Extension", "path": "Extension", "short": meaning, "min": 0, "max": "1"},
                {"id": "Extension.extension", "path": "Extension.extension", "max": "0"},
                {"id": "Extension.url", "path": "Extension.url", "fixedUri": url},
                {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1, "type": [{"code": kind}]},
            ]
        },
    }


def render(resource: Json) -> str:
    """A resource as the text of its file."""
    return json.dumps(resource, indent=2, ensure_ascii=False) + "\n"


def main(folder: str) -> None:
    """Write every published resource into ``folder`` and remove resources that are no longer published."""
    wanted = resources(load_catalogue())
    for old in Path(folder).glob("*-*.json"):
        if old.name not in wanted:
            old.unlink()
    for name, resource in wanted.items():
        (Path(folder) / name).write_text(render(resource), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
