"""A program for the environment of its own that zenpy is installed in: reads a desk as any program
does that was written for Zendesk, and prints what it got, as JSON.

    python read_by_zenpy.py SUBDOMAIN EMAIL TOKEN
"""

import datetime
import json
import sys

from zenpy import Zenpy
from zenpy.lib.exception import RecordNotFoundException

LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


def plain(thing):
    """A thing of zenpy's as the JSON that it was made of."""
    return json.loads(json.dumps(thing.to_dict(), default=str))


def listed(things):
    return [plain(each) for each in things]


def missing(client):
    try:
        client.tickets(id=1)
    except RecordNotFoundException as error:
        return str(error)
    return None


def main(subdomain, email, token):
    client = Zenpy(subdomain=subdomain, email=email, token=token)
    exported = listed(client.tickets.incremental(start_time=LONG_AGO, per_page=25))
    ids = [each["id"] for each in exported if each["status"] != "deleted"]
    by_time = client.tickets.incremental(start_time=LONG_AGO, paginate_by_time=True)
    some = sorted(ids)[:12]
    read = {
        "me": plain(client.users.me()),
        "exported": exported,
        "exported_by_time": listed(by_time),
        "tickets": listed(client.tickets()),
        "tickets_by_cursor": listed(client.tickets(cursor_pagination=20)),
        "slice": listed(client.tickets()[5:9]),
        "single": plain(client.tickets(id=some[0])),
        "several": listed(client.tickets(ids=some)),
        "comments": {id: listed(client.tickets.comments(ticket=id)) for id in ids},
        "audits": {id: listed(client.tickets.audits(ticket=id)) for id in some},
        "metrics": [plain(client.tickets.metrics(ticket=id)) for id in some],
        "events": listed(client.tickets.events(start_time=LONG_AGO)),
        "metric_events": listed(client.tickets.metrics_incremental(start_time=LONG_AGO)),
        "users": listed(client.users()),
        "users_exported": listed(client.users.incremental(start_time=LONG_AGO)),
        "organisations": listed(client.organizations()),
        "organisations_exported": listed(client.organizations.incremental(start_time=LONG_AGO)),
        "groups": listed(client.groups()),
        "memberships": listed(client.group_memberships()),
        "fields": listed(client.ticket_fields()),
        "forms": listed(client.ticket_forms()),
        "macros": listed(client.macros()),
        "tags": [str(each) for each in client.tags()],
        "policies": listed(client.sla_policies()),
        "ratings": listed(client.satisfaction_ratings()),
        "found": listed(client.search("", type="ticket", status_less_than="solved")),
        "found_users": listed(client.search("", type="user", role="admin")),
        "missing": missing(client),
    }
    json.dump(read, sys.stdout, default=str)


if __name__ == "__main__":
    main(*sys.argv[1:])
