"""What an API server does with one object: POST, PATCH (merge, server-side apply), DELETE, GET; its status.

Lists are atomic: a field manager owns a whole one.
"""

from __future__ import annotations

import copy
import json
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fakes.apiserver import ApiServer

Object = dict[str, Any]
Path = tuple[str, ...]
Owners = dict[Path, str]
"""Field managers by field."""
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}


class Sent(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    type: str
    body: bytes


class Target(NamedTuple):
    kind: str
    resource: str
    namespace: str
    name: str = ""
    subresource: str = ""


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = {
            "kind": "Status", "code": code, "reason": reason, "message": message, "details": details
        }  # fmt: skip


def one_of(path: str, resources: dict[str, dict[str, str]]) -> Target | None:
    """The object that a path names."""
    found = target(path, resources)
    return found if found and found.name else None


def target(path: str, resources: dict[str, dict[str, str]]) -> Target | None:
    for prefix, names in resources.items():
        if not path.startswith(prefix + "/"):
            continue
        parts = [urllib.parse.unquote(p) for p in path.removeprefix(prefix + "/").split("/")]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        if parts[0] in names and len(parts) <= 3:
            return Target(names[parts[0]], parts[0], namespace, *parts[1:])
    return None


def answer(api: ApiServer, sent: Sent) -> tuple[int, Object]:
    """Status and JSON."""
    try:
        found = target(sent.path, api.resources)
        if found is None:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        with api.lock:
            return _done(api, found, sent)
    except Refusal as refusal:
        return refusal.status["code"], refusal.status  # type: ignore[return-value]


def _done(api: ApiServer, on: Target, sent: Sent) -> tuple[int, Object]:
    verb, where = VERBS[sent.method], f'in the namespace "{on.namespace}"'
    rights = f"{on.resource}/{on.subresource}" if on.subresource else on.resource
    if (verb, rights) in api.forbidden:
        words = f'{rights} is forbidden: User "tester" cannot {verb} resource "{rights}" {where}'
        raise Refusal(403, "Forbidden", words)
    body = json.loads(sent.body) if sent.body else {}
    manager = sent.query.get("fieldManager", "unknown")
    if sent.method == "POST":
        return 201, _created(api, on, body, manager)
    before = api.get(on.kind, on.namespace, on.name)
    if sent.type == "application/apply-patch+yaml":
        force = sent.query.get("force") == "true"
        return (200 if before else 201), _applied(api, on, before, body, manager, force=force)
    if before is None:
        raise Refusal(
            404, "NotFound", f'{on.resource} "{on.name}" not found', name=on.name, kind=on.resource
        )
    if sent.method == "GET":
        return 200, before
    if sent.method == "DELETE":
        _check(on, before, body.get("preconditions") or {})
        api.delete(on.kind, on.namespace, on.name)
        api.owners.pop((on.kind, on.namespace, on.name), None)
        return 200, {"kind": "Status", "status": "Success"}
    assert sent.type == "application/merge-patch+json", sent.type
    _check(on, before, body.get("metadata") or {})
    return 200, _kept(api, on, before, _merged(before, body), manager)


def _created(api: ApiServer, on: Target, body: Object, manager: str) -> Object:
    name = body["metadata"]["name"]
    if on.namespace and on.namespace not in api.namespaces:
        words = f'namespaces "{on.namespace}" not found'
        raise Refusal(404, "NotFound", words, name=on.namespace, kind="namespaces")
    if api.get(on.kind, on.namespace, name):
        raise Refusal(409, "AlreadyExists", f'{on.resource} "{name}" already exists', name=name)
    new = copy.deepcopy(body)
    new.pop("status", None)
    new["metadata"] |= {"namespace": on.namespace, "uid": f"uid-{api.version}"}
    return _kept(api, on._replace(name=name), None, new, manager)


def _applied(
    api: ApiServer, on: Target, before: Object | None, body: Object, manager: str, *, force: bool
) -> Object:
    if before is None:
        return _created(api, on._replace(name=""), body, manager)
    owners = api.owners.setdefault((on.kind, on.namespace, on.name), {})
    fields, held = _fields(body), _leaves(before)
    taken = [p for p, v in fields.items() if owners.get(p, manager) != manager and held.get(p) != v]
    if taken and not force:
        causes = [{"reason": "FieldManagerConflict", "field": ".".join(p)} for p in taken]
        words = f'Apply failed with {len(taken)} conflict: conflict with "{owners[taken[0]]}"'
        raise Refusal(409, "Conflict", words, causes=causes)
    now = _merged(copy.deepcopy(before), body)
    # A manager's fields are counted for each subresource on its own.
    mine = [
        p for p, owner in owners.items() if owner == manager and (p[0] == "status") == bool(on.subresource)
    ]
    for path in [p for p in mine if p not in fields]:
        _remove(now, path)
        del owners[path]
    return _kept(api, on, before, now, manager, fields)


def _kept(
    api: ApiServer,
    on: Target,
    before: Object | None,
    now: Object,
    manager: str,
    fields: dict[Path, Any] | None = None,
) -> Object:
    """Store what a write made; one that changes nothing is no new version."""
    old = before or {}
    if before is not None:
        # The status is a subresource's to change, and nothing else is.
        part = {**old, "status": now.get("status")} if on.subresource == "status" else now | {
            "status": old.get("status")
        }  # fmt: skip
        now = {k: v for k, v in part.items() if not (k == "status" and v is None)}
        now["metadata"] = now["metadata"] | {k: old["metadata"].get(k) for k in ("resourceVersion", "uid")}
    owners = api.owners.setdefault((on.kind, on.namespace, on.name), {})
    held = _leaves(old)
    changed = {p: v for p, v in _fields(now).items() if held.get(p) != v}
    owners.update(dict.fromkeys(changed if fields is None else fields, manager))
    if now != before:
        api.replace(now)
    kept = api.get(on.kind, on.namespace, now["metadata"]["name"])
    assert kept is not None
    return kept


def _check(on: Target, before: Object, preconditions: Object) -> None:
    for field in ("uid", "resourceVersion"):
        if preconditions.get(field) not in (None, before["metadata"].get(field)):
            words = (
                f'Operation cannot be fulfilled on {on.resource} "{on.name}": the object has been modified'
            )
            raise Refusal(409, "Conflict", words, name=on.name)


def _merged(before: Any, changes: Any) -> Any:
    """RFC 7386."""
    if not isinstance(changes, dict):
        return changes
    merged = dict(before) if isinstance(before, dict) else {}
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _fields(object_: Object) -> dict[Path, Any]:
    """Those that somebody may own: not what says which object it is."""
    identity = {("metadata", key) for key in ("name", "namespace", "uid", "resourceVersion")}
    identity |= {("apiVersion",), ("kind",)}
    return {path: value for path, value in _leaves(object_).items() if path not in identity}


def _leaves(value: Object, above: Path = ()) -> dict[Path, Any]:
    found: dict[Path, Any] = {}
    for key, one in value.items():
        found |= _leaves(one, (*above, key)) if isinstance(one, dict) and one else {(*above, key): one}
    return found


def _remove(object_: Object, path: Path) -> None:
    for key in path[:-1]:
        object_ = object_.get(key) or {}
    object_.pop(path[-1], None)
