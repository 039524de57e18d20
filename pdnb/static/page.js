// Starts a page of pdnb: its policy allows no script inside the page itself.
import { drawPage } from "./pdnb.js";

drawPage(document.getElementById("pdnb"));
