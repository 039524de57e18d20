"""The Jupyter Server extension: configuration, routes, and the service that runs scheduler and workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from traitlets import Bool, CaselessStrEnum, Int, TraitError, Unicode, validate
from traitlets.utils.bunch import Bunch

from pdnb.coordination.settings import Settings, default_directory
from pdnb.errors import PdnbError
from pdnb.server.api_handlers import API_HANDLERS
from pdnb.server.link_handlers import LINK_HANDLERS
from pdnb.server.page_handlers import WEB_HANDLERS
from pdnb.server.redaction import redact_logs
from pdnb.server.service import MAX_UPLOAD, StoreService


class PdnbApp(ExtensionApp):
    """pdnb: workflows in notebooks that can wait."""

    name = "pdnb"
    extension_url = "/pdnb/"
    load_other_extensions = True
    service: StoreService | None = None
    static_paths: ClassVar[list[str]] = [str(Path(__file__).parent.parent / "static")]  # type: ignore[misc]  # a trait

    directory = Unicode(
        "", help="The store's directory, on a local disk. Default: PDNB_DIR, else 'pdnb' in Jupyter's data directory."
    ).tag(config=True)
    public_url = Unicode(
        "", help="What links begin with, when people reach this server by another address than its own."
    ).tag(config=True)
    on_timeout = CaselessStrEnum(
        ["cancel", "resume"], default_value="cancel", help="What a suspension does when nobody answers in time."
    ).tag(config=True)
    confirm_links = Bool(
        True, help="A GET on a link shows a page with a button. False: it acts at once (mail scanners open links!)."
    ).tag(config=True)
    max_workers = Int(2, min=0, help="How many worker processes at the most. 0: none; runs go on in callers only.").tag(
        config=True
    )

    isolation = CaselessStrEnum(
        ["wake-up", "workflow"],
        default_value="wake-up",
        help="A process of its own for every wake-up of a run; or one that goes on with wake-ups of the same workflow "
        "version while it is found as clean as it was: faster.",
    ).tag(config=True)
    start_method = CaselessStrEnum(
        ["fork", "spawn"],
        default_value="fork",
        help="How those processes begin: forked, or spawned (slow) where a package cannot bear to be forked.",
    ).tag(config=True)
    max_upload = Int(MAX_UPLOAD, min=1, help="The largest upload to a link, in bytes.").tag(config=True)
    smtp_url = Unicode(
        "", help="smtp://[user:password@]host[:port][?starttls=1] or smtps://…; without it mails stay in the outbox."
    ).tag(config=True)
    mail_from = Unicode("", help="Whom pd.send.email's mails are from.").tag(config=True)
    mail_to = Unicode("", help="Whom they go to when the step does not say.").tag(config=True)

    @validate("public_url")
    def _check_public_url(self, proposal: Bunch) -> str:
        url: str = proposal.value
        if url and not url.startswith(("http://", "https://")):
            raise TraitError(f"PdnbApp.public_url is {url!r}: begin with http:// or https://")
        return url

    def initialize_settings(self) -> None:
        """Open the store. When it cannot be used, the extension ends with one clear line."""
        app = self._server()
        redact_logs(app.log)
        directory = (Path(self.directory) if self.directory else default_directory()).expanduser().resolve()
        _refuse_served(directory, app)
        self.service = StoreService(directory, app.log, max_workers=self.max_workers, max_upload=self.max_upload)
        os.environ["PDNB_DIR"] = str(directory)  # kernels of this server inherit where it is
        os.environ["PDNB_BASE_URL"] = app.base_url
        self.settings["pdnb_service"] = self.service
        self.publish()

    def initialize_handlers(self) -> None:
        """Register the open links, the API and the pages."""
        self.handlers.extend([*LINK_HANDLERS, *API_HANDLERS, *WEB_HANDLERS])

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:  # noqa: ARG002  # Jupyter's
        """Called when the server listens: only now is its port known."""
        if self.service is not None:  # else the store could not be used, and that was logged
            self.publish()
            self.service.open()

    async def stop_extension(self) -> None:
        """Called when the server stops."""
        if self.service is not None:
            await self.service.close()

    def publish(self) -> None:
        """Hand the settings to the service, which writes them for kernels, workers and the shell when it leads."""
        assert self.service is not None  # noqa: S101  # called only after the store was opened
        app = self._server()
        public = self.public_url or os.environ.get("JUPYTERHUB_PUBLIC_URL", "")
        self.service.publish(
            Settings(
                url=_slashed(app.connection_url),
                public_url=_slashed(public) if public else None,
                on_timeout=self.on_timeout,
                confirm_links=self.confirm_links,
                smtp_url=self.smtp_url or None,
                mail_from=self.mail_from or None,
                mail_to=self.mail_to or None,
                isolation=self.isolation,
                start_method=self.start_method,
            )
        )

    def _server(self) -> ServerApp:
        assert self.serverapp is not None  # noqa: S101  # an extension is linked before anything else
        return self.serverapp


def _slashed(url: str) -> str:
    return url.rstrip("/") + "/"


def _refuse_served(directory: Path, app: Any) -> None:
    """Refuse a store that lies where the server's file browser shows files. Raises ``PdnbError``."""
    root = Path(app.root_dir).expanduser().resolve()
    if not directory.is_relative_to(root):
        return
    hidden = any(part.startswith(".") for part in directory.relative_to(root).parts)
    if not hidden or app.contents_manager.allow_hidden:
        raise PdnbError(
            f"the store's directory {directory} lies where this server serves files ({root}): "
            "set PDNB_DIR or --PdnbApp.directory to a place outside"
        )
