// JupyterLab's launcher and command palette open the inbox. An extension without a build: what a bundler would make of
// it is a container with init() and get(), and that is short enough to write by hand.
(() => {
  let scope;

  const shared = async (name) => {
    const [version] = Object.values(scope[name] ?? {});
    return version ? (await version.get())() : {};
  };

  const extension = async () => {
    const { ILauncher } = await shared("@jupyterlab/launcher");
    const { ICommandPalette } = await shared("@jupyterlab/apputils");
    const { PageConfig } = await shared("@jupyterlab/coreutils");
    const { LabIcon } = await shared("@jupyterlab/ui-components");
    if (!ILauncher || !ICommandPalette) return { __esModule: true, default: [] }; // Voilà: it has nowhere to put it
    const svgstr =
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="M12 2 22 12 12 22 2 12zm0 4.2L6.2 12l5.8 5.8 5.8-5.8z"/></svg>';
    return {
      __esModule: true,
      default: {
        id: "pdnb:inbox",
        description: "Opens the inbox of pdnb: every run, and what waits for an answer.",
        autoStart: true,
        optional: [ILauncher, ICommandPalette],
        activate: (app, launcher, palette) => {
          const command = "pdnb:open-inbox";
          app.commands.addCommand(command, {
            label: (args) => (args.isPalette ? "Open the inbox of pdnb" : "pdnb inbox"),
            caption: "Every run of pdnb, and what waits for an answer",
            icon: new LabIcon({ name: "pdnb:inbox", svgstr }),
            execute: () => void window.open(`${PageConfig.getBaseUrl()}pdnb/`, "_blank", "noopener"),
          });
          launcher?.add({ command, category: "Other", rank: 90 });
          palette?.addItem({ command, category: "pdnb", args: { isPalette: true } });
        },
      },
    };
  };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB.pdnb = {
    init: (given) => {
      scope = given;
    },
    get: async (name) => {
      if (name !== "./extension") throw new Error(`pdnb has no ${name}`);
      const exports = await extension();
      return () => exports;
    },
  };
})();
