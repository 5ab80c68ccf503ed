"""A manifest and a module schema with nothing to correct, for tests to spoil."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = """\
model_version: "1.0"
extension:
  id: nz.harbour.pager
  name: Pager
  version: "1.4.0"
  api_version: v1
  sdk: python
  homepage: https://example.org/pager
  tags: [paging]
  delivery: http
  callback:
    url: ${EXTENSION_URL}
    secret: env:KIKET_WEBHOOK_SECRET
    headers: { X-Team: pager }
    timeout: 15000
    required: true
  activationEvents: [workflow.sla_status, pager.pageNow]
  permissions: [issues:read]
  capabilities: [notifications]
  hooks:
    - event: workflow.before_transition
      template: sla_page
      timeout: 3000
      retries: 0
      required: true
  contributes:
    commands:
      - command: pager.pageNow
        title: Page now
        icon: bi-bell-fill
        keywords: [page]
        permissions: [member]
        handler: { type: extension_event, event: pager.pageNow }
    workflow_actions:
      - id: page_shift
        name: Page the shift
        parameters:
          - { key: urgency, type: string, required: true }
  configuration:
    PAGER_API_TOKEN: { type: string, secret: true, required: true, scope: extension }
    ACK_KEY: { type: string, secret: true, auto_generate: { length: 40 } }
    LIMIT: { type: integer, default: "6", min: 1, max: 60 }
    ESCALATE: { type: boolean, default: "true" }
    TARGET: { type: project, label: Project }
    SEVERITY:
      type: string
      default: high
      options: [{ value: normal, label: Normal }, { value: high, label: High }]
    sla_page:
      type: template
      language: liquid
      default: "{{ issue.title }} is late"
      variables: [{ name: issue, type: object, properties: [{ name: title, type: string }] }]
      validation: { max_length: 240, required_variables: [issue.title] }
  output_fields:
    ack_url: { label: Address, type: copyable, icon: link, help_url: "https://example.org/ack" }
  secrets:
    - { key: OTHER_TOKEN, label: Other, required: false }
  setup:
    - secrets:
        title: Connect
        scope: extension
        fields:
          - key: PAGER_API_TOKEN
            label: API token
            obtain: { type: api_key, secret: true, help_url: "https://example.org/token" }
    - configure:
        title: Rules
        fields:
          - { key: SEVERITY, type: select, options: [{ value: normal }, { value: high }] }
          - { key: LIMIT, type: integer, showWhen: { field: SEVERITY, value: high } }
    - configure: { title: More, collect: [ESCALATE] }
    - test: { title: Try, action: pager.testConnection, successMessage: It works. }
    - info: { title: Done, links: [{ label: Vendor, url: "https://example.org/" }] }
  requires:
    oauth_provider: { provider: google, scopes: [calendar], on_missing: ignore, optional: true }
  provides:
    oauth_provider:
      provider_id: harbour
      endpoints: { authorize: "https://example.org/a", token: "https://example.org/t" }
      default_scopes: [pages]
      available_scopes: [{ id: pages, description: Read pages }]
  rate_limiting: { requests_per_minute: 120, burst: 20 }
  custom_data:
    permissions: [{ module: nz.harbour.pages, operations: [read, write] }]
deployment:
  runtime: cloud_run
  resources: { cpu: "1", concurrency: 20 }
  min_instances: 0
  max_instances: 4
  secret_keys: [PAGER_API_TOKEN]
  env: { LOG_LEVEL: info }
"""
SCHEMA = """\
module: nz.harbour.pages
version: "1.0"
tables:
  pages:
    columns:
      - { name: id, type: bigint, primary_key: true }
      - { name: state, type: string, length: 20, "null": false, default: sent }
      - { name: cost, type: decimal, default: "1.5" }
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a file of an extension, its folders too."""

    def write(text: str, name: str = ".kiket/manifest.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return write


@pytest.fixture
def sound(write: Callable[..., Path], tmp_path: Path) -> Path:
    """Return the folder of an extension with nothing to correct."""
    write(MANIFEST)
    write(SCHEMA, ".kiket/modules/pages/schema.yml")
    return tmp_path
