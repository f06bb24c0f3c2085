/**
 * The records in the answers of Prefect's server to its own clients: a name, then the fields that are always there with
 * their types. A type may be another record's name; `[]` is a list of them.
 */
export const PREFECT_RECORDS = `
ConcurrencyLimit
  active_slots:list concurrency_limit:number created:null|string id:string tag:string updated:null|string
ConcurrencyLimitV2
  active:boolean active_slots:number avg_slot_occupancy_seconds:number created:null|string
  denied_slots:number id:string limit:number name:string slot_decay_per_second:number updated:null|string
ConcurrencyLimitWithLeaseResponse
  lease_id:string limits:MinimalConcurrencyLimitResponse[]
ConcurrencyOptions
  collision_strategy:string grace_period_seconds:null|number
DeploymentResponse
  concurrency_limit:null|number concurrency_options:ConcurrencyOptions|null created:null|string
  created_by:null|object description:null|string enforce_parameter_schema:boolean entrypoint:null|string
  flow_id:string global_concurrency_limit:GlobalConcurrencyLimitResponse|null id:string
  infrastructure_document_id:null|string job_variables:object labels:object last_polled:null|string
  name:string parameter_openapi_schema:null|object parameters:object path:null|string paused:boolean
  pull_steps:list|null schedules:DeploymentSchedule[] status:null|string storage_document_id:null|string
  tags:list updated:null|string updated_by:null|object version:null|string work_pool_name:null|string
  work_queue_id:null|string work_queue_name:null|string
DeploymentSchedule
  active:boolean created:null|string deployment_id:null|string id:string max_scheduled_runs:null|number
  parameters:object schedule:object slug:null|string updated:null|string
Flow
  created:null|string id:string labels:null|object name:string tags:list updated:null|string
FlowRunPolicy
  max_retries:number pause_keys:list|null resuming:boolean|null retries:null|number
  retry_delay:null|number retry_delay_seconds:number retry_type:null|string
FlowRunResponse
  auto_scheduled:boolean context:object created:null|string created_by:null|object
  deployment_id:null|string deployment_version:null|string empirical_policy:FlowRunPolicy
  end_time:null|string estimated_run_time:number estimated_start_time_delta:number
  expected_start_time:null|string flow_id:string flow_version:null|string id:string
  idempotency_key:null|string infrastructure_document_id:null|string infrastructure_pid:null|string
  job_variables:null|object labels:object name:string next_scheduled_start_time:null|string
  parameters:object parent_task_run_id:null|string run_count:number start_time:null|string
  state:State|null state_id:null|string state_name:null|string state_type:null|string tags:list
  total_run_time:number updated:null|string work_pool_id:null|string work_pool_name:null|string
  work_queue_id:null|string work_queue_name:null|string
GlobalConcurrencyLimitResponse
  active:boolean active_slots:number created:null|string id:string limit:number name:string
  slot_decay_per_second:number updated:null|string
Log
  created:null|string flow_run_id:null|string id:string level:number message:string name:string
  task_run_id:null|string timestamp:string updated:null|string
MinimalConcurrencyLimitResponse
  id:string limit:number name:string
OrchestrationResult
  details:object state:State|null status:string
ServerDefaultResultStorage
  default_result_storage_block_id:null|string
State
  data:null|object id:string message:null|string name:null|string state_details:StateDetails
  timestamp:string type:string
StateDetails
  cache_expiration:null|string cache_key:null|string child_flow_run_id:null|string deferred:boolean|null
  deployment_concurrency_lease_id:null|string flow_run_id:null|string pause_key:null|string
  pause_reschedule:boolean pause_timeout:null|string refresh_cache:boolean|null retriable:boolean|null
  run_input_keyset:null|object scheduled_time:null|string task_parameters_id:null|string
  task_run_id:null|string traceparent:null|string transition_id:null|string untrackable_result:boolean
TaskRun
  cache_expiration:null|string cache_key:null|string created:null|string dynamic_key:string
  empirical_policy:TaskRunPolicy end_time:null|string estimated_run_time:number
  estimated_start_time_delta:number expected_start_time:null|string flow_run_id:null|string
  flow_run_run_count:number id:string labels:null|object name:string next_scheduled_start_time:null|string
  run_count:number start_time:null|string state:State|null state_id:null|string state_name:null|string
  state_type:null|string tags:list task_inputs:object task_key:string task_version:null|string
  total_run_time:number updated:null|string
TaskRunPolicy
  max_retries:number retries:null|number retry_delay:null|number retry_delay_seconds:number
  retry_jitter_factor:null|number
Variable
  created:null|string id:string name:string tags:list updated:null|string
  value:boolean|null|number|object|string
WorkPoolConcurrencyStatus
  active_slots:number concurrency_limit:null|number count:number limit:number page:number pages:number
  queues:WorkQueueConcurrencyStatusDetail[]
WorkPoolResponse
  active_slots:null|number base_job_template:object concurrency_limit:null|number created:null|string
  default_queue_id:null|string description:null|string id:string is_paused:boolean name:string
  status:null|string storage_configuration:WorkPoolStorageConfiguration type:string updated:null|string
WorkPoolStorageConfiguration
  bundle_execution_step:null|object bundle_upload_step:null|object
  default_result_storage_block_id:null|string
WorkQueueConcurrencyStatusDetail
  active_slots:number concurrency_limit:null|number flow_run_count:null|number flow_runs:list
  queue_id:string queue_name:string
WorkQueueHealthPolicy
  maximum_late_runs:null|number maximum_seconds_since_last_polled:null|number
WorkQueueResponse
  active_slots:null|number concurrency_limit:null|number created:null|string description:null|string
  filter:null id:string is_paused:boolean last_polled:null|string name:string priority:number
  status:null|string updated:null|string work_pool_id:null|string work_pool_name:null|string
WorkQueueStatusDetail
  health_check_policy:WorkQueueHealthPolicy healthy:boolean last_polled:null|string late_runs_count:number
WorkerFlowRunResponse
  flow_run:FlowRunResponse work_pool_id:string work_queue_id:string
WorkerResponse
  created:null|string heartbeat_interval_seconds:null|number id:string last_heartbeat_time:null|string
  name:string status:string updated:null|string work_pool_id:string
`;
