"""nginx in front of the receivers and the pages, as docs/proxies.md has it, without TLS."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

from deploy.local import ports
from deploy.local.servers.server import CannotPrepare, Server

BINARY = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
_CONFIGURATION = """daemon off;
user {user};
pid pid;
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;

    upstream receivers {{
{receivers}
        keepalive 64;
        keepalive_timeout 60s;
    }}
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        ""      "";
    }}
    server {{
        listen {host}:{port};
        client_max_body_size 5m;
        proxy_http_version 1.1;

        location ~ ^/(ingest|ingest/validate|write|api/v2/write|api/v3/write_lp|ping|health)/?$ {{
            proxy_pass http://receivers;
            proxy_set_header Host       $http_host;
            proxy_set_header Connection "";
            proxy_read_timeout 15s;
            # Another receiver gets what one left unanswered: an event that comes twice is stored once.
            proxy_next_upstream error timeout non_idempotent;
        }}
        location / {{
            proxy_pass http://{host}:{pages};
            proxy_set_header Host              $http_host;
            proxy_set_header X-Forwarded-For   $remote_addr;
            proxy_set_header Upgrade           $http_upgrade;
            proxy_set_header Connection        $connection_upgrade;
        }}
        location ~ ^/(metrics|healthz|readyz)$ {{
            return 404;
        }}
    }}
}}
"""


class Nginx(Server):
    """One nginx before several receivers and one web process."""

    name = "nginx"
    variable = ""  # there is no other to use

    def __init__(self, *, port: int, folder: Path, receivers: Sequence[int], pages: int) -> None:
        """:param receivers: the ports of the receivers; :param pages: the port of web"""
        super().__init__(port=port, folder=folder)
        self._receivers = receivers
        self._pages = pages

    def prepare(self) -> None:
        """Write its configuration.

        :raises CannotPrepare: it is not installed
        """
        if BINARY is None:
            raise CannotPrepare("nginx can't be found. On Debian or Ubuntu: `apt-get install nginx-light`.")
        super().prepare()
        text = _CONFIGURATION.format(
            # As another user it could not reach a folder of ours.
            user=pwd.getpwuid(os.geteuid()).pw_name,
            host=ports.HOST,
            port=self.port,
            pages=self._pages,
            receivers="\n".join(f"        server {ports.HOST}:{port};" for port in self._receivers),
        )
        (self.folder / "nginx.conf").write_text(text)

    def command(self) -> list[str]:
        """Return the command line of nginx, all of whose files are in its folder."""
        return [str(BINARY), "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr"]
