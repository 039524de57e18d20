"""The pages behind Jupyter's login."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from pdnb import client
from pdnb.errors import RunNotFound, StoreError
from pdnb.server.pages import APP_CSP, card_page, inbox_page
from pdnb.server.service import StoreService


class PageHandler(JupyterHandler):
    """What the handlers of the pages share."""

    auth_resource = "pdnb"

    @property
    def content_security_policy(self) -> str:
        """Scripts and requests of this origin only, framed by this origin only."""
        return APP_CSP


class CardHandler(PageHandler):
    """``GET /pdnb/card/<id>``: the live card of one run, for a tab of its own or the frame in a notebook."""

    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        """The card of the run as it is now."""
        service: StoreService = self.settings["pdnb_service"]
        home = service.home
        try:
            document = await service.call(lambda: client.document(home, home.store.get(run_id)))
        except RunNotFound:
            raise web.HTTPError(404, "no such run in this store") from None
        except StoreError:
            raise web.HTTPError(503, "the store cannot be used just now: try again") from None
        self.set_header("Cache-Control", "no-store")
        _ = self.xsrf_token  # sets the cookie that the page's requests carry
        self.finish(card_page(run_id, url_path_join(self.base_url, "static/pdnb/"), self.base_url, document))


class InboxHandler(PageHandler):
    """``GET /pdnb/``: the inbox, all runs of the store for people who work outside notebooks; ``#<id>`` opens one."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The page; its script asks the API for the runs."""
        self.set_header("Cache-Control", "no-store")
        _ = self.xsrf_token  # sets the cookie that the page's requests carry
        self.finish(inbox_page(url_path_join(self.base_url, "static/pdnb/"), self.base_url))


WEB_HANDLERS = [
    (r"/pdnb/?", InboxHandler),
    (r"/pdnb/card/([0-9a-z]{20})", CardHandler),
]
