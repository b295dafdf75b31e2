// Shows /openapi.json with Swagger UI, from files of this server only.
"use strict";

SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });
