"""Three web servers whose parsers have nothing in common, each in a folder of its own.

They hand every request to a FastCGI program, and are as lenient as they can be told to be: what a
lenient parser finds in a request is where requests are smuggled.
"""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from harness.deadline import eventually

from fastcgi import FastCgiProgram


class WebServer:
    """A server on a free loopback port, from construction to stop()."""

    program = None  # its name on PATH
    settings = None  # its configuration

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.fastcgi = FastCgiProgram()
        self.port = _free_port()
        file = self.folder / "server.conf"
        file.write_text(
            self.settings.format(
                folder=self.folder, port=self.port, fastcgi=self.fastcgi.port, user=self.user()
            )
        )
        self._log = (self.folder / "output.log").open("wb")
        self._process = subprocess.Popen(
            [self.path(), *self.arguments(file)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
        )
        eventually(self._answers, f"{self.program} to start: {self.output()}")

    @classmethod
    def path(cls):
        """None where it is not installed; daemons are not on everybody's PATH."""
        return shutil.which(cls.program, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")

    def output(self):
        return (self.folder / "output.log").read_text(errors="replace")[-2000:]

    def stop(self):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
        self.fastcgi.stop()

    def user(self):
        """A line for those who do not want to run as root."""
        return ""

    def _answers(self):
        assert self._process.poll() is None, f"{self.program} ended: {self.output()}"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Nginx(WebServer):
    program = "nginx"
    settings = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ignore_invalid_headers off;
  underscores_in_headers on;
  large_client_header_buffers 4 128k;
  keepalive_requests 100000;
  server {{
    listen 127.0.0.1:{port};
    # By what was asked for and not by what it is normalised to.
    location / {{
      fastcgi_pass 127.0.0.1:{fastcgi};
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
    }}
  }}
}}
"""

    def arguments(self, file):
        return ["-p", self.folder, "-e", "stderr", "-c", file]


class Apache(WebServer):
    program = "apache2"
    settings = """
ServerRoot {folder}
ServerName origin
DocumentRoot /usr/lib/apache2
Listen 127.0.0.1:{port}
PidFile {folder}/pid
Mutex pthread
ErrorLog {folder}/error.log
{user}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
StartServers 1
ServerLimit 1
MaxRequestWorkers 25
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
HttpProtocolOptions Unsafe LenientMethods Allow0.9
LimitRequestLine 131072
LimitRequestFieldSize 131072
LimitRequestFields 1000
MergeSlashes Off
AllowEncodedSlashes NoDecode
TraceEnable extended
<Location "/">
  SetHandler "proxy:fcgi://127.0.0.1:{fastcgi}"
  CGIPassAuth On
</Location>
"""

    def arguments(self, file):
        return ["-D", "FOREGROUND", "-f", file]

    def user(self):
        return "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""


class Lighttpd(WebServer):
    program = "lighttpd"
    settings = """
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{folder}"
server.upload-dirs = ( "{folder}" )
server.modules = ( "mod_fastcgi" )
server.http-parseopts = (
  "header-strict" => "disable",
  "host-strict" => "disable",
  "host-normalize" => "disable",
  "url-normalize" => "disable",
  "method-get-body" => "enable",
)
server.max-request-field-size = 131072
server.max-keep-alive-requests = 100000
server.max-keep-alive-idle = 60
fastcgi.server = ( "/" => ((
  "host" => "127.0.0.1", "port" => {fastcgi}, "check-local" => "disable",
)) )
"""

    def arguments(self, file):
        return ["-D", "-f", file]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


SERVERS = [Nginx, Apache, Lighttpd]
