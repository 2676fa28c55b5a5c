-- How often it was noted that the records may lack something: whoever compares them with the chain may say that all is explained
-- only of what he began with.
alter table submitter.network add column doubts bigint not null default 0 check (doubts >= 0);

-- As before; a body has as many bytes as a request may have.
create or replace function submitter.enqueue_intent(p_tenant text, p_workflow_id text, p_body jsonb) returns uuid
language plpgsql as $$
declare
    v_method text;
    v_id uuid := gen_random_uuid();
    v_enqueued jsonb;
    v_existing record;
begin
    if p_tenant is null or char_length(p_tenant) not between 1 and 255 then
        raise exception 'tenant: must have 1 to 255 characters' using errcode = 'invalid_parameter_value';
    end if;
    if p_workflow_id is null or char_length(p_workflow_id) not between 1 and 255 then
        raise exception 'workflow_id: must have 1 to 255 characters' using errcode = 'invalid_parameter_value';
    end if;
    if p_body is null or jsonb_typeof(p_body) <> 'object' then
        raise exception 'body: must be a JSON object' using errcode = 'invalid_parameter_value';
    end if;
    if p_body ? 'workflow_id' and p_body ->> 'workflow_id' is distinct from p_workflow_id then
        raise exception 'body: /workflow_id differs from the workflow_id given' using errcode = 'invalid_parameter_value';
    end if;
    if not p_body ? 'transaction_xdr'
        and (p_body -> 'operations' is null or jsonb_typeof(p_body -> 'operations') <> 'array'
             or jsonb_array_length(p_body -> 'operations') not between 1 and 100) then
        raise exception 'body: /operations must be an array of 1 to 100 operations' using errcode = 'invalid_parameter_value';
    end if;
    v_method := coalesce(p_body ->> 'method',
        -- A call is named by its function.
        case when p_body -> 'operations' -> 0 ->> 'type' = 'invoke_contract' then p_body -> 'operations' -> 0 ->> 'function' end,
        p_body -> 'operations' -> 0 ->> 'type');
    if v_method is null or char_length(v_method) not between 1 and 255 then
        raise exception 'body: /method must have 1 to 255 characters' using errcode = 'invalid_parameter_value';
    end if;
    v_enqueued := p_body || jsonb_build_object('workflow_id', p_workflow_id, 'method', v_method);
    if octet_length(v_enqueued::text) > 1048576 then
        raise exception 'body: must have at most 1048576 bytes as text' using errcode = 'invalid_parameter_value';
    end if;
    -- A version 7 UUID, so that ids sort by time like those of the API.
    v_id := encode(set_bit(set_bit(overlay(uuid_send(v_id)
        placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6), 52, 1), 53, 1), 'hex')::uuid;
    insert into submitter.intents (id, tenant, workflow_id, method, ordering_key, enqueued)
    values (v_id, p_tenant, p_workflow_id, v_method,
        -- Its place in the order is taken at once, not when the daemon reads it.
        case when jsonb_typeof(p_body -> 'ordering_key') = 'string' and char_length(p_body ->> 'ordering_key') <= 255
            then p_body ->> 'ordering_key' end,
        v_enqueued)
    on conflict (tenant, workflow_id, method) do nothing;
    if not found then
        select id, enqueued into v_existing from submitter.intents
        where tenant = p_tenant and workflow_id = p_workflow_id and method = v_method;
        if v_existing.enqueued is distinct from v_enqueued then
            raise exception 'workflow-conflict: workflow % with method % has another body, intent %',
                p_workflow_id, v_method, v_existing.id using errcode = 'unique_violation';
        end if;
        return v_existing.id;
    end if;
    insert into submitter.events (tenant, intent_id, kind, data) values (p_tenant, v_id, 'intent.accepted', '{"by": "sql"}');
    perform pg_notify('submitter_intents', '');
    return v_id;
end $$;
