// Generated from docs/openapi/core.json by `npm run generate`. Do not edit.

export interface paths {
    "/.well-known/assertion-jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The keys that verify `X-Saas-Assertion`, which gateways add for services. */
        get: operations["assertion_jwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The keys that verify access tokens. */
        get: operations["jwks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/openid-configuration": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Discovery of issuer and keys. */
        get: operations["openid_configuration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Entries of the audit log, newest first. */
        get: operations["list_audit_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign in.
         * @description After 10 failures for an e-mail address or 100 from a network address within 15 minutes the
         *     answer is 429. The token of somebody who must change their password opens nothing but that.
         */
        post: operations["login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign out.
         * @description Ends the session of the access token, of the cookie (with the CSRF token), or of the refresh
         *     token in the body; whichever is there.
         */
        post: operations["logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * New tokens for a refresh token.
         * @description A refresh token works once; a second use ends the session. A program that lost the answer may
         *     repeat the call with the same `Idempotency-Key`.
         */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/signup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign up.
         * @description Opens an account and a tenant, of which the person is the owner. In production the answer is 202
         *     whether the address was free or not, and an operator activates the account.
         */
        post: operations["sign_up"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/auth/switch-tenant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Go on in another tenant.
         * @description Gives new tokens in the same session; the refresh token before them works no more.
         */
        post: operations["switch_tenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invitations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The open invitations of the caller's tenant. */
        get: operations["list_invitations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invitations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Withdraw an invitation.
         * @description Its code is of no use any more. Only an owner withdraws the invitation of an owner.
         */
        delete: operations["withdraw_invitation"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller: person, tenant, roles, permissions.
         * @description Answers in a suspended tenant too, and says so: the caller can then choose another one.
         */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/invitations/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Join the tenant that invited the caller.
         * @description The code works once, for the person who signs in with the invited address, as long as whoever
         *     invited them still may. It is a 404 for anybody else, and for a code that is wrong, withdrawn or
         *     seven days old. More than 10 codes within 15 minutes are answered with 429. The session stays in
         *     the tenant it is in: `POST /v1/auth/switch-tenant` goes on in the new one.
         */
        post: operations["accept_invitation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the own password.
         * @description Ends every other session of the caller and gives new tokens for this one.
         */
        post: operations["change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The members of the caller's tenant. */
        get: operations["list_members"];
        put?: never;
        /**
         * Add a person to the caller's tenant.
         * @description Somebody unknown gets an account, and is a member at once. Somebody who has an account is invited:
         *     the answer carries a code, which they enter at `POST /v1/me/invitations/accept`. A second
         *     invitation of the same address takes the place of the first.
         */
        post: operations["add_member"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/members/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One of the members of the caller's tenant. */
        get: operations["get_member"];
        put?: never;
        post?: never;
        /**
         * Remove a member.
         * @description Only an owner removes owners, and the last owner stays. The person's account stays, too.
         */
        delete: operations["remove_member"];
        options?: never;
        head?: never;
        /**
         * Give a member another role.
         * @description Only an owner makes or changes owners, and the last owner stays one. The member's tokens of this
         *     tenant have to be refreshed.
         */
        patch: operations["update_member"];
        trace?: never;
    };
    "/v1/permissions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every permission there is. */
        get: operations["list_permissions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/recovery": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The newest backups and drills.
         * @description A drill restores a backup beside the live database and goes through a sign-in there. Its report is
         *     signed; `is_signed` tells whether it still is as it was.
         */
        get: operations["show_recovery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/roles": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The built-in roles, greatest first, and what each permits. */
        get: operations["list_roles"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The caller's own sessions. */
        get: operations["list_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** End one of the caller's own sessions. */
        delete: operations["end_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every tenant. */
        get: operations["list_tenants"];
        put?: never;
        /** Make a tenant with its owner. */
        post: operations["create_tenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A tenant.
         * @description Any for an operator, the own one for its members.
         */
        get: operations["get_tenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Rename a tenant.
         * @description Any for an operator, the own one for its owners.
         */
        patch: operations["update_tenant"];
        trace?: never;
    };
    "/v1/tenants/{id}/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Serve a tenant's requests again. */
        post: operations["activate_tenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{id}/suspend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a tenant's requests. */
        post: operations["suspend_tenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/traffic": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Requests, errors and durations by service over the last minutes. */
        get: operations["show_traffic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everybody who has an account. */
        get: operations["list_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A person. */
        get: operations["get_user"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Shut a person out.
         * @description Their sessions end and their tokens are refused, at once.
         */
        post: operations["disable_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a person in again, or for the first time after they signed up. */
        post: operations["enable_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/users/{id}/reset-password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a person a one-time password.
         * @description Their sessions end. The password is shown this once and must be changed at the next sign-in.
         */
        post: operations["reset_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The code of an invitation. */
        AcceptInvitationRequest: {
            /** @description The code, as it was handed over. */
            code: string;
        };
        /** @description Somebody who was added or, having an account already, invited. */
        AddedMember: {
            invitation: components["schemas"]["IssuedInvitation"] | null;
            member: components["schemas"]["Member"] | null;
            /**
             * @description The password of the account that was made for the member; shown this once. It must be
             *     changed at the first sign-in.
             */
            one_time_password: string | null;
        };
        /** @description A person to add to the tenant. */
        AddMemberRequest: {
            /**
             * Format: email
             * @description Their address. Somebody unknown gets an account and a one-time password; somebody who has an
             *     account is invited.
             */
            email: string;
            /** @description What a person unknown so far is called; the address's beginning if not given. */
            name?: string | null;
            /** @description What they may do. */
            role: components["schemas"]["Role"];
        };
        /** @description An entry of the audit log. */
        AuditEvent: {
            /**
             * @description What was done.
             * @example member.added
             */
            action: string;
            /** @description Their address, if the reader may know it. */
            actor_email: string | null;
            /**
             * Format: uuid
             * @description Who did it; null for the platform itself.
             */
            actor_id: string | null;
            /** @description The network address the request came from. */
            address: string | null;
            /**
             * Format: date-time
             * @description When it happened.
             */
            at: string;
            /** @description What else is worth knowing, as an object. */
            detail: Record<string, unknown>;
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /** @description The request's identifier, as in the logs. */
            request_id: string | null;
            /** @description To which one. */
            target_id: string | null;
            /**
             * @description To what kind of thing.
             * @example membership
             */
            target_type: string | null;
        };
        /** @description A backup. */
        BackupRun: {
            /**
             * Format: int64
             * @description The file's size in bytes.
             */
            bytes: number | null;
            /** @description Why it failed. */
            fault: string | null;
            /** @description The file's name. */
            file: string | null;
            /**
             * Format: date-time
             * @description When it ended.
             */
            finished_at: string | null;
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /**
             * Format: date-time
             * @description For when the schedule meant it; null if somebody made it by hand.
             */
            scheduled_for: string | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            started_at: string;
            /** @description How it went. */
            status: components["schemas"]["RecoveryStatus"];
        };
        /** @description The own password, old and new. */
        ChangePasswordRequest: {
            /** @description The password, or the one-time password, that holds now. */
            current_password: string;
            /** @description The new one: 10 characters at least, and not among the first that anybody would try. */
            new_password: string;
        };
        /** @description A tenant that was made. */
        CreatedTenant: components["schemas"]["Tenant"] & {
            /**
             * @description The owner's password if their account was made with the tenant; shown this once. It must be
             *     changed at the first sign-in.
             */
            one_time_password: string | null;
        };
        /** @description A tenant to make. */
        CreateTenantRequest: {
            /** @description What it is called. */
            name: string;
            /**
             * Format: email
             * @description Who owns it; the caller if not given. Somebody unknown gets an account and a one-time
             *     password.
             */
            owner_email?: string | null;
            /**
             * @description Its short name; made from the name if not given.
             * @example acme
             */
            slug?: string | null;
        };
        /** @description The backup of a drill, as far as it could be read. */
        DrilledBackup: {
            /**
             * Format: int64
             * @description The file's size in bytes.
             */
            bytes: number | null;
            /** @description The file's name; null if there was none. */
            file: string | null;
            /** @description The version of the platform that made it. */
            platform: string | null;
            /** @description Rows of each table. */
            rows: {
                [key: string]: number;
            };
            /** @description Its newest migration. */
            schema: string | null;
            /**
             * Format: date-time
             * @description The moment whose state is in it.
             */
            taken_at: string | null;
        };
        /**
         * @description How a step of a drill ended.
         * @enum {string}
         */
        DrillOutcome: "ok" | "failed";
        /** @description What a drill found. */
        DrillReport: {
            /** @description The backup. */
            backup: components["schemas"]["DrilledBackup"];
            /** @description What was aimed at. */
            objectives: components["schemas"]["RecoveryObjectives"];
            /** @description Whether all held. */
            passed: boolean;
            /** @description The version of the platform that made it. */
            platform: string;
            /**
             * Format: int64
             * @description From the moment whose state was restored to the beginning of the drill, in seconds; null if
             *     the backup could not be read.
             */
            recovery_point_seconds: number | null;
            /**
             * Format: int64
             * @description From the beginning of the restore to the first answered sign-in, in milliseconds; null if it
             *     did not come so far.
             */
            recovery_time_ms: number | null;
            /** @description What it went through, in order. */
            steps: components["schemas"]["DrillStep"][];
        };
        /** @description A drill: whether a backup could be used. */
        DrillRun: {
            /** @description Why it failed. */
            fault: string | null;
            /**
             * Format: date-time
             * @description When it ended.
             */
            finished_at: string | null;
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /** @description Whether the report is as the drill signed it. */
            is_signed: boolean;
            report: components["schemas"]["DrillReport"] | null;
            /**
             * Format: date-time
             * @description For when the schedule meant it; null if somebody began it by hand.
             */
            scheduled_for: string | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            started_at: string;
            /** @description How it went. */
            status: components["schemas"]["RecoveryStatus"];
        };
        /** @description One step of a drill. */
        DrillStep: {
            /**
             * Format: int64
             * @description How long it took.
             */
            milliseconds: number;
            /** @description Which. */
            name: string;
            /** @description How it ended. */
            outcome: components["schemas"]["DrillOutcome"];
            /** @description What was seen. */
            seen: string;
        };
        /** @description What is wrong with one field of the input. */
        FieldError: {
            /**
             * @description What is wrong there.
             * @example not a valid e-mail address
             */
            detail: string;
            /**
             * @description Where: a JSON Pointer (RFC 6901) into the body; into the parameters by name for a query.
             * @example /email
             */
            pointer: string;
        };
        /** @description That somebody with an account may join the tenant. */
        Invitation: {
            /**
             * Format: date-time
             * @description When that was.
             */
            created_at: string;
            /**
             * Format: email
             * @description The address it is for, as it was given.
             */
            email: string;
            /**
             * Format: date-time
             * @description From when on the code is of no use: seven days later.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /**
             * Format: uuid
             * @description Who invited them.
             */
            invited_by: string;
            /** @description What they may do once they have joined. */
            role: components["schemas"]["Role"];
        };
        /** @description An invitation with its code. */
        IssuedInvitation: components["schemas"]["Invitation"] & {
            /**
             * @description To be handed to the person, who joins with it; shown this once, and good for one use.
             * @example inv_4yKf…
             */
            code: string;
        };
        /** @description A JSON Web Key Set (RFC 7517) of Ed25519 keys (RFC 8037). */
        KeySet: {
            /** @description The keys, newest first. */
            keys: Record<string, unknown>[];
        };
        /** @description Who signs in. A password may be as long as anything that could be one. */
        LoginRequest: {
            /**
             * Format: email
             * @description The e-mail address, in any case.
             * @example zhang.wei@example.com
             */
            email: string;
            /** @description A one-time code of a second factor. No account has one yet, so that a code is refused. */
            otp?: string | null;
            /** @description The password. */
            password: string;
            /**
             * Format: uuid
             * @description The tenant to act in; without it the first one the person joined that is active.
             */
            tenant_id?: string | null;
        };
        /** @description The caller. */
        Me: {
            /**
             * @description What their token permits.
             * @example [
             *       "tenant:read",
             *       "member:read"
             *     ]
             */
            permissions: string[];
            /**
             * @description Their role in the tenant, and `operator` for an operator of the platform.
             * @example [
             *       "owner"
             *     ]
             */
            roles: string[];
            tenant: components["schemas"]["TenantSummary"] | null;
            /** @description Every tenant they belong to. */
            tenants: components["schemas"]["TenantOfMe"][];
            /** @description The person. */
            user: components["schemas"]["User"];
        };
        /** @description A member of a tenant. */
        Member: {
            /**
             * Format: date-time
             * @description When they joined.
             */
            created_at: string;
            /**
             * Format: email
             * @description The person's address.
             */
            email: string;
            /**
             * Format: uuid
             * @description The membership's identifier.
             */
            id: string;
            /**
             * Format: date-time
             * @description When they last signed in, to whichever tenant.
             */
            last_login_at: string | null;
            /** @description What they are called. */
            name: string;
            /** @description What they may do here. */
            role: components["schemas"]["Role"];
            /** @description Whether they may sign in. */
            status: components["schemas"]["UserStatus"];
            /**
             * Format: date-time
             * @description When the role last changed.
             */
            updated_at: string;
            /**
             * Format: uuid
             * @description The person's identifier.
             */
            user_id: string;
            /**
             * Format: int64
             * @description Counts changes; the `ETag`.
             */
            version: number;
        };
        /**
         * @description Where to find what is needed to verify access tokens. Only what is true today: this is not a
         *     provider of `OpenID` Connect yet.
         */
        OpenIdConfiguration: {
            /** @description The `iss` of every access token. */
            issuer: string;
            /** @description Where the keys are. */
            jwks_uri: string;
        };
        /** @description One page of a list. */
        Page_AuditEvent: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * @description What was done.
                 * @example member.added
                 */
                action: string;
                /** @description Their address, if the reader may know it. */
                actor_email: string | null;
                /**
                 * Format: uuid
                 * @description Who did it; null for the platform itself.
                 */
                actor_id: string | null;
                /** @description The network address the request came from. */
                address: string | null;
                /**
                 * Format: date-time
                 * @description When it happened.
                 */
                at: string;
                /** @description What else is worth knowing, as an object. */
                detail: Record<string, unknown>;
                /**
                 * Format: uuid
                 * @description Its identifier.
                 */
                id: string;
                /** @description The request's identifier, as in the logs. */
                request_id: string | null;
                /** @description To which one. */
                target_id: string | null;
                /**
                 * @description To what kind of thing.
                 * @example membership
                 */
                target_type: string | null;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Invitation: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * Format: date-time
                 * @description When that was.
                 */
                created_at: string;
                /**
                 * Format: email
                 * @description The address it is for, as it was given.
                 */
                email: string;
                /**
                 * Format: date-time
                 * @description From when on the code is of no use: seven days later.
                 */
                expires_at: string;
                /**
                 * Format: uuid
                 * @description Its identifier.
                 */
                id: string;
                /**
                 * Format: uuid
                 * @description Who invited them.
                 */
                invited_by: string;
                /** @description What they may do once they have joined. */
                role: components["schemas"]["Role"];
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Member: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * Format: date-time
                 * @description When they joined.
                 */
                created_at: string;
                /**
                 * Format: email
                 * @description The person's address.
                 */
                email: string;
                /**
                 * Format: uuid
                 * @description The membership's identifier.
                 */
                id: string;
                /**
                 * Format: date-time
                 * @description When they last signed in, to whichever tenant.
                 */
                last_login_at: string | null;
                /** @description What they are called. */
                name: string;
                /** @description What they may do here. */
                role: components["schemas"]["Role"];
                /** @description Whether they may sign in. */
                status: components["schemas"]["UserStatus"];
                /**
                 * Format: date-time
                 * @description When the role last changed.
                 */
                updated_at: string;
                /**
                 * Format: uuid
                 * @description The person's identifier.
                 */
                user_id: string;
                /**
                 * Format: int64
                 * @description Counts changes; the `ETag`.
                 */
                version: number;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_PermissionDescription: {
            /** @description The items, in the order asked for. */
            items: {
                /** @description What it allows. */
                description: string;
                /** @description True: it concerns the platform and never comes with a tenant's role. */
                is_platform: boolean;
                /**
                 * @description Its name, as tokens carry it.
                 * @example member:read
                 */
                name: string;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Person: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * Format: date-time
                 * @description When the account was made.
                 */
                created_at: string;
                /**
                 * Format: email
                 * @description The address they sign in with.
                 */
                email: string;
                /**
                 * Format: uuid
                 * @description Their identifier.
                 */
                id: string;
                /** @description Whether they operate the platform. */
                is_operator: boolean;
                /**
                 * Format: date-time
                 * @description When they last signed in.
                 */
                last_login_at: string | null;
                /** @description Whether they must change their password before anything else. */
                must_change_password: boolean;
                /** @description What they are called. */
                name: string;
                /** @description Whether they may sign in. */
                status: components["schemas"]["UserStatus"];
                /**
                 * Format: date-time
                 * @description When it was last changed.
                 */
                updated_at: string;
                /**
                 * Format: int64
                 * @description Counts changes; the `ETag`.
                 */
                version: number;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_RoleDescription: {
            /** @description The items, in the order asked for. */
            items: {
                /** @description The role. */
                name: components["schemas"]["Role"];
                /**
                 * @description The permissions it bundles.
                 * @example [
                 *       "tenant:read",
                 *       "member:read"
                 *     ]
                 */
                permissions: string[];
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Session: {
            /** @description The items, in the order asked for. */
            items: {
                /** @description The network address it began from. */
                address: string | null;
                /**
                 * Format: date-time
                 * @description When it began.
                 */
                created_at: string;
                /**
                 * Format: date-time
                 * @description When it ends unless it is used.
                 */
                expires_at: string;
                /**
                 * Format: uuid
                 * @description Its identifier.
                 */
                id: string;
                /** @description Whether it is the one that asks. */
                is_current: boolean;
                /**
                 * Format: date-time
                 * @description When tokens were last issued.
                 */
                last_used_at: string;
                /** @description The program it began with, as that called itself. */
                user_agent: string | null;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Tenant: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /**
                 * Format: uuid
                 * @description Its identifier.
                 */
                id: string;
                /** @description What it is called. */
                name: string;
                /**
                 * @description Its short name, unique on the platform.
                 * @example acme
                 */
                slug: string;
                /** @description Whether its requests are served. */
                status: components["schemas"]["TenantStatus"];
                /**
                 * Format: date-time
                 * @description When it was last changed.
                 */
                updated_at: string;
                /**
                 * Format: int64
                 * @description Counts changes; the `ETag`.
                 */
                version: number;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description A password that works until it is changed at the next sign-in; shown this once. */
        PasswordReset: {
            /** @description The password. */
            one_time_password: string;
        };
        /** @description A permission. */
        PermissionDescription: {
            /** @description What it allows. */
            description: string;
            /** @description True: it concerns the platform and never comes with a tenant's role. */
            is_platform: boolean;
            /**
             * @description Its name, as tokens carry it.
             * @example member:read
             */
            name: string;
        };
        /** @description A person. */
        Person: {
            /**
             * Format: date-time
             * @description When the account was made.
             */
            created_at: string;
            /**
             * Format: email
             * @description The address they sign in with.
             */
            email: string;
            /**
             * Format: uuid
             * @description Their identifier.
             */
            id: string;
            /** @description Whether they operate the platform. */
            is_operator: boolean;
            /**
             * Format: date-time
             * @description When they last signed in.
             */
            last_login_at: string | null;
            /** @description Whether they must change their password before anything else. */
            must_change_password: boolean;
            /** @description What they are called. */
            name: string;
            /** @description Whether they may sign in. */
            status: components["schemas"]["UserStatus"];
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            updated_at: string;
            /**
             * Format: int64
             * @description Counts changes; the `ETag`.
             */
            version: number;
        };
        /** @description The body of an error (RFC 9457). */
        Problem: {
            /**
             * @description The kind of problem as a stable word, for programs.
             * @example not_found
             */
            code: string;
            /** @description What was wrong this time, and what to do. */
            detail?: string | null;
            /** @description What is wrong with the input, field by field. */
            errors?: components["schemas"]["FieldError"][];
            /** @description The path that was asked for. */
            instance?: string | null;
            /** @description The request's identifier, as in the logs and in `X-Request-Id`. */
            request_id?: string | null;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The kind of problem in words. */
            title: string;
            /**
             * @description Identifies the kind of problem: `urn:saas:problem:` and the code.
             * @example urn:saas:problem:not_found
             */
            type: string;
        };
        /** @description The newest backups and drills. */
        Recovery: {
            /** @description The newest backups first. */
            backups: components["schemas"]["BackupRun"][];
            /** @description The newest drills first. */
            drills: components["schemas"]["DrillRun"][];
        };
        /** @description What recovery aims at. */
        RecoveryObjectives: {
            /**
             * Format: int64
             * @description How old the state may be to which it leads.
             */
            recovery_point_seconds: number;
            /**
             * Format: int64
             * @description How long recovery may take.
             */
            recovery_time_seconds: number;
        };
        /**
         * @description How a backup or a drill went.
         * @enum {string}
         */
        RecoveryStatus: "running" | "succeeded" | "failed";
        /** @description A refresh token, unless it comes in the cookie. */
        RefreshRequest: {
            /** @description The refresh token of the last answer. It works once. */
            refresh_token?: string | null;
        };
        /**
         * @description A built-in role within a tenant.
         * @enum {string}
         */
        Role: "owner" | "admin" | "member";
        /** @description A role and what it permits. */
        RoleDescription: {
            /** @description The role. */
            name: components["schemas"]["Role"];
            /**
             * @description The permissions it bundles.
             * @example [
             *       "tenant:read",
             *       "member:read"
             *     ]
             */
            permissions: string[];
        };
        /** @description A session of the caller's. */
        Session: {
            /** @description The network address it began from. */
            address: string | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When it ends unless it is used.
             */
            expires_at: string;
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /** @description Whether it is the one that asks. */
            is_current: boolean;
            /**
             * Format: date-time
             * @description When tokens were last issued.
             */
            last_used_at: string;
            /** @description The program it began with, as that called itself. */
            user_agent: string | null;
        };
        /** @description What signing up made. */
        SignedUp: {
            /** @description Their tenant, of which they are the owner. */
            tenant: components["schemas"]["TenantSummary"];
            /** @description The person. */
            user: components["schemas"]["User"];
        };
        /** @description A person and the tenant they open. */
        SignUpRequest: {
            /**
             * Format: email
             * @description The e-mail address to sign in with.
             */
            email: string;
            /** @description What the person is called. */
            name: string;
            /** @description The password: 10 characters at least, and not among the first that anybody would try. */
            password: string;
            /** @description What the tenant is called. */
            tenant_name: string;
        };
        /** @description Where to go on. */
        SwitchTenantRequest: {
            /**
             * Format: uuid
             * @description A tenant the caller belongs to.
             */
            tenant_id: string;
        };
        /** @description A tenant. */
        Tenant: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /** @description What it is called. */
            name: string;
            /**
             * @description Its short name, unique on the platform.
             * @example acme
             */
            slug: string;
            /** @description Whether its requests are served. */
            status: components["schemas"]["TenantStatus"];
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            updated_at: string;
            /**
             * Format: int64
             * @description Counts changes; the `ETag`.
             */
            version: number;
        };
        /** @description A tenant that a person belongs to. */
        TenantOfMe: {
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /** @description Whether its requests are refused at the moment. */
            is_suspended: boolean;
            /** @description What it is called. */
            name: string;
            /** @description The person's role there. */
            role: components["schemas"]["Role"];
            /** @description Its short name. */
            slug: string;
        };
        /**
         * @description Whether a tenant's requests are served.
         * @enum {string}
         */
        TenantStatus: "active" | "suspended";
        /** @description A tenant in few words. */
        TenantSummary: {
            /**
             * Format: uuid
             * @description Its identifier.
             */
            id: string;
            /** @description Whether its requests are refused at the moment. */
            is_suspended: boolean;
            /** @description What it is called. */
            name: string;
            /** @description Its short name. */
            slug: string;
        };
        /** @description Tokens, and who they are for. */
        TokenAnswer: {
            /** @description The access token, a JWT of type `at+jwt`. */
            access_token: string;
            /** @description For `X-CSRF-Token` in later calls with the cookie; null without one. */
            csrf_token: string | null;
            /**
             * Format: int64
             * @description Seconds until the access token ends.
             */
            expires_in: number;
            /** @description The refresh token, which works once; null if it went into the cookie. */
            refresh_token: string | null;
            tenant: components["schemas"]["TenantSummary"] | null;
            /** @description `Bearer`. */
            token_type: string;
            /** @description The person. */
            user: components["schemas"]["User"];
        };
        /** @description How requests went, step by step. */
        Traffic: {
            /** @description The figures, oldest first. A step in which a service had no request is left out. */
            points: components["schemas"]["TrafficPoint"][];
            /**
             * Format: int64
             * @description How long a step is.
             */
            step_seconds: number;
        };
        /** @description What happened to one service in one step. */
        TrafficPoint: {
            /**
             * Format: date-time
             * @description When the step began.
             */
            at: string;
            /**
             * Format: int64
             * @description Of these, answered with a status of 500 or more.
             */
            errors: number;
            /**
             * Format: double
             * @description Half of the requests took this long at most, in milliseconds, as far as the buckets tell.
             */
            p50_ms: number | null;
            /**
             * Format: double
             * @description 95 of 100 requests took this long at most.
             */
            p95_ms: number | null;
            /**
             * Format: int64
             * @description Requests answered.
             */
            requests: number;
            /** @description The service; `-` for requests that reached none. */
            service: string;
        };
        /** @description What to change in a membership. */
        UpdateMemberRequest: {
            /** @description What they may do from now on. */
            role: components["schemas"]["Role"];
        };
        /** @description What to change in a tenant. */
        UpdateTenantRequest: {
            /** @description What it is called from now on. */
            name: string;
        };
        /** @description A person, as they see themselves. */
        User: {
            /**
             * Format: email
             * @description The address they sign in with.
             */
            email: string;
            /**
             * Format: uuid
             * @description Their identifier.
             */
            id: string;
            /** @description Whether they operate the platform. */
            is_operator: boolean;
            /** @description Whether they must change their password before anything else. */
            must_change_password: boolean;
            /** @description What they are called. */
            name: string;
        };
        /**
         * @description Whether a person may sign in.
         * @enum {string}
         */
        UserStatus: "active" | "pending" | "disabled";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    assertion_jwks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeySet"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    jwks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeySet"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openid_configuration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenIdConfiguration"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_audit_events: {
        parameters: {
            query?: {
                /** @description Only this action. */
                action?: string;
                /** @description Only what this person did. */
                actor_id?: string;
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description Whose log; without it the tenant's, and the platform's for somebody in no tenant. */
                log?: "tenant" | "platform";
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_AuditEvent"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    login: {
        parameters: {
            query?: never;
            header?: {
                /** @description `cookie`: the refresh token goes into a cookie; for pages of the console alone. */
                "X-Saas-Session"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LoginRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenAnswer"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    logout: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `csrf_token` of the last answer; needed with the cookie. */
                "X-CSRF-Token"?: string | null;
                /** @description `cookie`: the session is that of the cookie. */
                "X-Saas-Session"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"] | null;
            };
        };
        responses: {
            /** @description The session has ended. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: {
                /** @description The caller's name for this call, to repeat it safely. */
                "Idempotency-Key"?: string | null;
                /** @description The `csrf_token` of the last answer; needed with the cookie. */
                "X-CSRF-Token"?: string | null;
                /** @description `cookie`: the refresh token is in the cookie; for pages of the console alone. */
                "X-Saas-Session"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenAnswer"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sign_up: {
        parameters: {
            query?: never;
            header?: {
                /** @description The caller's name for this call, to repeat it safely. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignUpRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedUp"];
                };
            };
            /** @description Noted; production's answer, whatever comes of it. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    switch_tenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description Not needed: the session stays what it is. */
                "X-Saas-Session"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SwitchTenantRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenAnswer"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_invitations: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Invitation"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    withdraw_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The invitation. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The invitation is withdrawn. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    accept_invitation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AcceptInvitationRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantOfMe"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: {
                /** @description Not needed: the session stays what it is. */
                "X-Saas-Session"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangePasswordRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenAnswer"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_members: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description Only those whose name or address contains this. */
                q?: string;
                /** @description Only those with this role. */
                role?: components["schemas"]["Role"];
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Member"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_member: {
        parameters: {
            query?: never;
            header?: {
                /** @description The caller's name for this call, to repeat it safely. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddMemberRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AddedMember"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The membership. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_member: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the removal is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The membership. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The person is no member any more. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_member: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the change is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The membership. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateMemberRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_permissions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_PermissionDescription"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_recovery: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Recovery"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_roles: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_RoleDescription"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Session"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tenants: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description Only those whose name or slug contains this. */
                q?: string;
                /** @description Only the one with this slug. */
                slug?: string;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
                /** @description Only those with this status. */
                status?: components["schemas"]["TenantStatus"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Tenant"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_tenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description The caller's name for this call, to repeat it safely. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateTenantRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedTenant"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_tenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The tenant. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_tenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the change is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The tenant. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UpdateTenantRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    activate_tenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the change is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The tenant. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    suspend_tenant: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the change is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The tenant. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    show_traffic: {
        parameters: {
            query?: {
                /** @description How far back, 1 to 1440 minutes; 60 if not given. */
                minutes?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Traffic"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_users: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description Only the one with this address. */
                email?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description Only those whose name or address contains this. */
                q?: string;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
                /** @description Only those with this status. */
                status?: components["schemas"]["UserStatus"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Person"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The person. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disable_user: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the change is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The person. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enable_user: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` the change is made for. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The person. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Person"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reset_password: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The person. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PasswordReset"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
